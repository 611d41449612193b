/**
 * One thread of the CPU engine. It claims pieces of work through shared memory and sleeps there meanwhile. It
 * never returns to its event loop, so nothing is ever sent to it but through the control words.
 */
import { instantiate } from './module.js';

/**
 * @param {import('./threadSetup.ts').ThreadSetup} setup
 * @param {(message: 'ready' | 'done') => void} post
 * @param {import('./threadSetup.ts').NativeKernels} [native] bound to this thread
 */
export function serve(setup, post, native) {
  const exports = instantiate(setup.module, setup.memory, setup.timeOrigin, native);
  exports.setWorkspace(setup.workspace);
  exports.setFusesVectors(setup.fusesVectors);
  exports.setByteDots(setup.byteDots);
  post('ready');
  for (;;) {
    exports.work(setup.control, setup.takesAllCores);
    post('done');
  }
}
