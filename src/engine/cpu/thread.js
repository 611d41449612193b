/**
 * One thread of the CPU engine. It sleeps in shared memory, runs its share of each job, and sleeps again; it
 * never returns to its event loop, so nothing is ever sent to it but through the control words.
 */
import { instantiate } from './module.js';

/**
 * @param {import('./threadSetup.ts').ThreadSetup} setup
 * @param {(message: 'ready' | 'done') => void} post
 */
export function serve(setup, post) {
  const exports = instantiate(setup.module, setup.memory);
  exports.setWorkspace(setup.workspace);
  exports.setFusesVectors(setup.fusesVectors);
  exports.setByteDots(setup.byteDots);
  post('ready');
  for (let job = 0; ; ) {
    job = exports.waitForJob(setup.control, job);
    exports.runList(setup.control, setup.thread, setup.threads);
    if (setup.thread === 0) post('done');
  }
}
