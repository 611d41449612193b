/** The entry of a thread in a browser. */
import { serve } from '../engine/cpu/thread.js';

const scope = globalThis as unknown as Worker;
scope.onmessage = ({ data }) => serve(data, (message) => scope.postMessage(message));
