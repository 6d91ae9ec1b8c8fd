/** One line of a terminal, written over; elsewhere a line each. */
export function say(what: string): void {
  const { stderr } = process;
  if (!stderr.isTTY) {
    if (what !== '') stderr.write(`${what}\n`);
    return;
  }
  stderr.cursorTo(0);
  stderr.write(what.slice(0, stderr.columns - 1));
  stderr.clearLine(1);
}
