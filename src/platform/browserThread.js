/** The entry of a thread in a browser. */
import { serve } from '../engine/cpu/thread.js';

const scope = /** @type {Worker} */ (/** @type {unknown} */ (globalThis));
scope.onmessage = (/** @type {MessageEvent} */ { data }) =>
  serve(data, (message) => scope.postMessage(message));
