import type { WriteStream } from 'node:tty';
import { plot } from 'simple-ascii-chart';
import type { Milliseconds } from '../../src/core/policy.ts';

export type Terminal = Pick<WriteStream, 'isTTY' | 'columns' | 'hasColors'>;

export function widthOf(stream: Terminal): number {
  return Math.min(stream.columns || 80, 100);
}

/** NO_COLOR is seen by hasColors; a pipe or a file has no such method. */
export function bold(text: string, stream: Terminal): string {
  return stream.isTTY && stream.hasColors() ? `\u001b[1m${text}\u001b[22m` : text;
}

export function wrap(text: string, width: number, bullet = ''): string[] {
  const room = Math.max(20, width - bullet.length);
  const lines = text.match(new RegExp(`.{1,${room}}(?= |$)`, 'g')) ?? [];
  return lines.map((line, index) => (index === 0 ? bullet : ' '.repeat(bullet.length)) + line.trim());
}

/** A chart for each series, all on one scale, so that they are told apart without colour. */
export function charts(
  series: Record<string, readonly number[]>,
  { slot, round, width }: { slot: Milliseconds; round: number; width: number },
): string[] {
  const margin = 8;
  const most = round * Math.ceil(Math.max(...Object.values(series).flat()) / round);
  return Object.entries(series).flatMap(([title, values], nth) => {
    const length = (values.length * slot) / 1_000;
    const step = length > 10 ? 5 : length > 5 ? 2 : 1;
    const drawing = plot(
      values.map((value, index): [number, number] => [(index * slot) / 1_000, value]),
      {
        title,
        width: Math.max(20, Math.min(72, width) - margin),
        height: 6,
        yRange: [0, most],
        fillArea: true,
        customXAxisTicks: Array.from({ length: Math.ceil(length / step) }, (_, tick) => tick * step),
        customYAxisTicks: [0, most],
        formatter: (value, { axis }) => (axis === 'x' ? `${value} s` : value),
      },
    );
    const lines = drawing.split('\n').map((line) => line.trimEnd());
    return [...(nth > 0 ? [''] : []), ...lines.filter((line) => line !== '')];
  });
}
