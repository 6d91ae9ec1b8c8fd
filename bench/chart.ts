/** Lines over time, or over whatever `x` is. */
export interface Chart {
  /** The file's name, without its ending. */
  readonly name: string;
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** Where y begins. Default 0. */
  readonly from?: number;
  readonly lines: readonly Line[];
  /** Level lines to compare with. */
  readonly levels?: readonly { readonly label: string; readonly y: number }[];
  /** Stretches of x in which something is out. */
  readonly shaded?: readonly { readonly from: number; readonly to: number }[];
}

export interface Line {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

// To the right there is room for half a label, as the last one may stand at the very end.
const size = { width: 770, height: 360, left: 64, right: 26, top: 40, bottom: 48 };
/** Told apart by who sees few colours, too (Okabe and Ito, 2008); readable on white and on black. */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];

const setOff = 'fill="#555" stroke="#fff" stroke-width="4" paint-order="stroke"';

/** The chart as an SVG image. The same data gives the same text. */
export function svg({ title, x, y, from: lowest = 0, lines, levels = [], shaded = [] }: Chart): string {
  const { width, height, left, right, top, bottom } = size;
  const points = lines.flatMap((line) => line.points);
  const [least, most] = [Math.min(...points.map(([x]) => x)), Math.max(...points.map(([x]) => x))];
  // Those beyond the data are left out here, so more are asked for.
  const xs = ticks(least, most, 8).filter((x) => x >= least && x <= most);
  const ys = ticks(lowest, Math.max(...points.map(([, y]) => y), ...levels.map(({ y }) => y)));
  const toX = scale([least, most], [left, width - right]);
  const toY = scale([ys[0] as number, ys.at(-1) as number], [height - bottom, top]);
  const line = (x1: number, y1: number, x2: number, y2: number, style: string): string =>
    `<line x1="${n(x1)}" y1="${n(y1)}" x2="${n(x2)}" y2="${n(y2)}" ${style}/>`;
  const text = (at: [number, number], content: string, style = ''): string =>
    `<text x="${n(at[0])}" y="${n(at[1])}" ${style}>${escaped(content)}</text>`;

  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" role="img" aria-label="${escaped(title)}">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...shaded.map(
      ({ from, to }) =>
        `<rect x="${n(toX(from))}" y="${top}" width="${n(toX(to) - toX(from))}" height="${height - top - bottom}" fill="#eee"/>`,
    ),
    ...ys.map((at) => line(left, toY(at), width - right, toY(at), 'stroke="#ddd"')),
    ...ys.map((at) => text([left - 8, toY(at) + 4], at.toLocaleString('en'), 'text-anchor="end"')),
    ...xs.map((at) => text([toX(at), height - bottom + 18], at.toLocaleString('en'), 'text-anchor="middle"')),
    ...levels.map(({ y }) => line(left, toY(y), width - right, toY(y), 'stroke="#555" stroke-dasharray="6 4"')),
    ...lines.map(
      ({ points }, i) =>
        `<polyline points="${points.map(([x, y]) => `${n(toX(x))},${n(toY(y))}`).join(' ')}" fill="none" stroke="${colours[i % colours.length]}" stroke-width="2"/>`,
    ),
    // Over the lines, and set off from them: these often run along a level.
    ...levels.map(({ y, label }) => text([width - right - 4, toY(y) - 4], label, `text-anchor="end" ${setOff}`)),
    text([left, 18], title, 'font-weight="bold"'),
    ...lines.map(({ label }, i) =>
      text(
        [left + (i * (width - left - right)) / lines.length, 34],
        `— ${label}`,
        `fill="${colours[i % colours.length]}"`,
      ),
    ),
    text([(left + width - right) / 2, height - 10], x, 'text-anchor="middle"'),
    text([0, 0], y, `text-anchor="middle" transform="translate(16 ${(top + height - bottom) / 2}) rotate(-90)"`),
    '</svg>',
    '',
  ].join('\n');
}

function scale([from, to]: [number, number], [first, last]: [number, number]): (value: number) => number {
  return (value) => first + ((value - from) / (to - from || 1)) * (last - first);
}

/** Round numbers, so many steps apart or fewer, from one at or below `least` to one at or above `most`. */
function ticks(least: number, most: number, steps = 5): number[] {
  const rough = (most - least || 1) / steps;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((each) => each * power >= rough) as number);
  const first = Math.floor(least / step);
  return Array.from({ length: Math.ceil(most / step) - first + 1 }, (_, i) => (first + i) * step);
}

/** A tenth of a pixel is enough. */
const n = (value: number): string => String(Math.round(value * 10) / 10);

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (each) => `&#${each.charCodeAt(0)};`);
}
