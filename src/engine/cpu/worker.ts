/**
 * One thread of the CPU engine. It sleeps in shared memory, runs its share of each job, and sleeps again; it
 * never returns to its event loop, so nothing is ever sent to it but through the control words.
 */
import { instantiate, type ThreadSetup } from './module.ts';

const inBrowser = typeof WorkerGlobalScope !== 'undefined';
declare const WorkerGlobalScope: unknown;

if (inBrowser) {
  const scope = globalThis as unknown as { onmessage: unknown; postMessage(message: unknown): void };
  scope.onmessage = ({ data }: MessageEvent<ThreadSetup>) =>
    serve(data, (message) => scope.postMessage(message));
} else {
  const { parentPort, workerData } = await import('node:worker_threads');
  serve(workerData as ThreadSetup, (message) => parentPort!.postMessage(message));
}

function serve(setup: ThreadSetup, post: (message: unknown) => void): void {
  const exports = instantiate(setup.module, setup.memory);
  exports.setWorkspace(setup.workspace);
  post('ready');
  for (let job = 0; ; ) {
    job = exports.waitForJob(setup.control, job);
    exports.runList(setup.control, setup.thread, setup.threads);
    if (setup.thread === 0) post('done');
  }
}
