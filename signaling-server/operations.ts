/** What operators ask over plain HTTP: is it well, and what does it count. */
import type { RequestListener, ServerResponse } from 'node:http';
import type { Metrics } from './metrics.ts';

export type Health = 'ok' | 'draining' | 'unavailable';

/** @param metrics null: not here */
export function answerOperators(health: () => Health, metrics: Metrics | null): RequestListener {
  return (request, response) => {
    const [path] = (request.url ?? '/').split('?', 1);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      answer(response, 405, 'text/plain', 'Only GET is understood here.\n');
    } else if (path === '/healthz') {
      const status = health();
      answer(response, status === 'ok' ? 200 : 503, 'application/json', `${JSON.stringify({ status })}\n`);
    } else if (path === '/metrics' && metrics !== null) {
      metrics.text().then(
        (text) => answer(response, 200, metrics.contentType, text),
        () => answer(response, 500, 'text/plain', 'The metrics could not be read.\n'),
      );
    } else {
      answer(response, 426, 'text/plain', 'This is a Flotilla signaling server: speak WebSocket.\n');
    }
  };
}

/** Nobody is kept waiting on an open connection: those have a limit. */
function answer(response: ServerResponse, status: number, type: string, text: string): void {
  response
    .writeHead(status, {
      'content-type': type,
      'cache-control': 'no-store',
      connection: 'close',
      ...(status === 426 ? { upgrade: 'websocket' } : {}),
    })
    .end(text);
}
