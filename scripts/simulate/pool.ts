/** Spreads jobs over worker threads, as many as there are cores. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { bundleWorker } from './bundle.ts';
import type { Job, JobResult } from './jobs.ts';

/**
 * Does all jobs, begun in their order.
 * @param done hears of each as it ends; false ends the rest before it is begun
 * @throws whatever a worker throws: a job does not throw
 */
export async function performAll(
  jobs: readonly Job[],
  done: (result: JobResult) => boolean,
  workers: number = availableParallelism(),
): Promise<void> {
  const waiting = [...jobs].reverse();
  const bundle = await bundleWorker();
  try {
    await Promise.all(
      Array.from({ length: Math.min(workers, jobs.length) }, async () => {
        const worker = new Worker(bundle.path, { execArgv: ['--enable-source-maps'] });
        try {
          for (let job = waiting.pop(); job !== undefined; job = waiting.pop()) {
            if (!done(await ask(worker, job))) waiting.length = 0;
          }
        } finally {
          await worker.terminate();
        }
      }),
    );
  } finally {
    bundle.remove();
  }
}

function ask(worker: Worker, job: Job): Promise<JobResult> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (result: JobResult) => {
      worker.off('error', reject);
      resolve(result);
    });
    worker.postMessage(job);
  });
}
