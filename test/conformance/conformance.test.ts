import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { statements } from './statements.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const named = /(['"`])((?:(?!\1)[^\\\n]|\\.)+?) \[((?:[KOR]?\d+)(?:, [KOR]?\d+)*)\]\1/g;
const left = /\b(?:test|it|describe)(?:\.\w+)*\.(?:skip|skipIf|runIf|todo|only|fails)\b/g;

/** Which tests prove a statement: `file: name`. */
const proofs = new Map<string, string[]>(Object.keys(statements).map((number) => [number, []]));
const faults: string[] = [];

for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()) {
  if (!path.endsWith('.test.ts')) continue;
  const text = readFileSync(join(root, path), 'utf8');
  for (const [mark] of text.matchAll(left)) faults.push(`${path}: ${mark}`);
  for (const [, , name, numbers] of text.matchAll(named)) {
    for (const number of numbers?.split(', ') ?? []) {
      const proof = proofs.get(number);
      if (proof === undefined) faults.push(`${path}: "${name}" proves ${number}, which is not listed`);
      else proof.push(`${path}: ${name}`);
    }
  }
}

test('every statement has a test that names it', () => {
  const bare = [...proofs].filter(([, tests]) => tests.length === 0).map(([number]) => number);
  assert.deepEqual(bare, []);
});

test('no test names a statement that is not listed, and none is left out of the run', () => {
  assert.deepEqual(faults, []);
});

test('the table of statements and their tests is up to date: npm run conformance writes it', async () => {
  const cell = (text: string) => text.replaceAll('\\', '').replaceAll('|', '\\|');
  const rows = [...proofs].map(
    ([number, tests]) => `| ${number} | ${cell(statements[number] as string)} | ${tests.map(cell).join('<br>')} |`,
  );
  const table = [
    '# Statements and the tests that prove them',
    '',
    '| number | statement | tests |',
    '| --- | --- | --- |',
  ];
  await expect(`${[...table, ...rows].join('\n')}\n`).toMatchFileSnapshot('table.md');
});
