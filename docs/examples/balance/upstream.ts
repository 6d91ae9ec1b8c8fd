// One server, in a process of its own, so that it can be killed and stopped like any other.
import { startServer } from '../../reference/server.ts';

/** How a server is to be, from the message on. */
export interface Condition {
  /** What an answer takes beyond the work it is asked for. */
  readonly slower: number;
  /** Answers 503 to everything. */
  readonly failing: boolean;
}

let condition: Condition = { slower: 0, failing: false };

const [, , port, distance] = process.argv;
const { origin } = await startServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://upstream');
  const { slower, failing } = condition;
  const takes = pathname === '/health' || failing ? 0 : Number(searchParams.get('work')) + slower;
  setTimeout(() => {
    response.writeHead(failing ? 503 : 200, { 'content-type': 'text/plain' }).end(pathname);
  }, takes + Number(distance));
}, Number(port));

process.on('message', (told: Condition) => {
  condition = told;
});
// Who started it has gone.
process.once('disconnect', () => process.exit());
process.send?.(origin);
