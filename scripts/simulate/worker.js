/** The entry of a worker: Node 20 hands no loader on to a worker, so each takes up TypeScript by itself. */
import { register } from 'tsx/esm/api';

register();
await import('./worker.ts');
