/** A worker: does one job after the other, and says what came of each. */
import { parentPort } from 'node:worker_threads';
import { type Job, perform } from './jobs.ts';

parentPort?.on('message', (job: Job) => {
  parentPort?.postMessage(perform(job));
});
