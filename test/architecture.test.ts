import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { test } from 'vitest';

/** Imports go down: from a higher floor to a lower one, and below floor 2 to a neighbour too. */
const floors: Record<string, number> = {
  core: 0,
  algorithms: 1,
  policies: 2,
  compositions: 3,
  distributed: 3,
  adapters: 4,
};

/** Entries of the package that are made of several files: they pass names on, and hold no code. */
const doors = ['index.ts', 'adapters/fetch.ts'];

const root = fileURLToPath(new URL('../src', import.meta.url));

interface Source {
  readonly path: string;
  readonly folder: string;
  readonly lines: number;
  /** What runs: no comments, strings emptied. */
  readonly code: string;
  /** As written, types included. */
  readonly specifiers: readonly string[];
}

const sources = new Map<string, Source>(
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => {
      const text = readFileSync(join(root, path), 'utf8');
      const bare = text.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*/gm, '');
      const specifiers = [
        ...bare.matchAll(/^(?:import|export)\s(?:[\w\s{},*$]*?\sfrom\s)?\s*'([^']+)'|\bimport\(\s*'([^']+)/gm),
      ];
      return {
        path,
        folder: dirname(path),
        lines: text.trimEnd().split('\n').length,
        code: bare.replace(/'[^'\n]*'/g, "''"),
        specifiers: specifiers.map((match) => (match[1] ?? match[2]) as string),
      };
    })
    .map((source) => [source.path, source]),
);

/** The files of src that a file imports. */
function imported(source: Source): string[] {
  return source.specifiers
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => relative(root, join(root, source.folder, specifier)));
}

/** One line for each fault, so that a failure lists all of them. */
function faults(find: (source: Source) => Iterable<string>): string[] {
  return [...sources.values()].flatMap((source) => [...find(source)].map((fault) => `${source.path}: ${fault}`));
}

test('every folder of src is on a floor', () => {
  const known = [...Object.keys(floors), 'testing', '.'];
  assert.deepEqual(
    faults(({ folder }) => (known.includes(folder) ? [] : [folder])),
    [],
  );
});

test('imports go down, and from the policies on never across to a neighbour', () => {
  const wrong = faults((source) =>
    imported(source).filter((path) => {
      const from = floors[source.folder];
      const to = floors[dirname(path)];
      if (from === undefined) return false;
      return to === undefined || to > from || (to === from && from >= 2 && !doors.includes(source.path));
    }),
  );
  assert.deepEqual(wrong, []);
});

test('nothing in the house uses testing', () => {
  const wrong = faults((source) =>
    source.folder === 'testing' ? [] : imported(source).filter((path) => path.startsWith('testing/')),
  );
  assert.deepEqual(wrong, []);
});

test('a door passes names on one by one, and nothing in the house goes through it', () => {
  const wrong = faults((source) => {
    const through = imported(source).filter((path) => doors.includes(path));
    const code = source.code.replace(/^export (?:type )?\{[^}]*\} from '';$/gm, '').trim();
    return doors.includes(source.path) && code !== '' ? [...through, code] : through;
  });
  assert.deepEqual(wrong, []);
});

test('no file imports itself in a circle, types included', () => {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(' > '));
    else if (!done.has(path)) {
      for (const next of imported(sources.get(path) as Source)) if (sources.has(next)) visit(next, [...way, path]);
      done.add(path);
    }
  };
  for (const path of sources.keys()) visit(path, []);
  assert.deepEqual(circles, []);
});

/** The one outside library of an adapter, an optional peer. */
const outside: Record<string, string> = {
  'adapters/dns.ts': 'dns-packet',
  'adapters/http-cache.ts': 'http-cache-semantics',
};

test('an import names a file of src, with its ending, or the one outside package of an adapter', () => {
  const wrong = faults((source) =>
    source.specifiers.filter(
      (specifier) =>
        !sources.has(relative(root, join(root, source.folder, specifier))) && specifier !== outside[source.path],
    ),
  );
  assert.deepEqual(wrong, []);
});

test('only core touches system time, timers and chance', () => {
  const system =
    /\b(?:setTimeout|clearTimeout|setInterval|setImmediate|queueMicrotask|performance|Date\.now|new Date\(\)|Math\.random|crypto|AbortSignal\.timeout)\b/g;
  const wrong = faults(({ folder, code }) =>
    folder === 'core' ? [] : [...code.matchAll(system)].map(([name]) => name),
  );
  assert.deepEqual(wrong, []);
});

test('algorithms know no promise, timer or signal', () => {
  const waiting = /\b(?:Promise|PromiseLike|async|await|AbortSignal|AbortController|schedule)\b/g;
  const wrong = faults(({ folder, code }) =>
    folder === 'algorithms' ? [...code.matchAll(waiting)].map(([name]) => name) : [],
  );
  assert.deepEqual(wrong, []);
});

test('no file is longer than 350 lines', () => {
  assert.deepEqual(
    faults(({ lines }) => (lines > 350 ? [`${lines} lines`] : [])),
    [],
  );
});

test('importing runs nothing: a bundle of an import without names is empty', async () => {
  const entries = [
    'index.ts',
    'adapters/dns.ts',
    'adapters/fetch.ts',
    'adapters/http-cache.ts',
    'testing/testing.ts',
  ].filter((path) => sources.has(path));
  for (const entry of entries) {
    const bundle = await rolldown({
      input: 'entry',
      // What package.json promises by `sideEffects: false` is not taken for granted.
      treeshake: { moduleSideEffects: (id) => !id.includes('node_modules') && !Object.values(outside).includes(id) },
      plugins: [
        {
          name: 'entry',
          resolveId: (id) => (id === 'entry' ? id : null),
          load: (id) => (id === 'entry' ? `import ${JSON.stringify(join(root, entry))};` : null),
        },
      ],
      external: Object.values(outside),
      logLevel: 'silent',
    });
    const { output } = await bundle.generate({ comments: false });
    assert.equal(output[0].code.replace(/\/\/#.*\n/g, '').trim(), '', entry);
  }
});
