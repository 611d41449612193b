/** The entry of a thread in Node. */
import { parentPort, workerData } from 'node:worker_threads';
import { serve } from '../engine/cpu/thread.js';
import { bindNative } from './nativeKernels.js';

const { native, memory } = workerData;
const kernels = native && bindNative(native, memory);
serve(workerData, (message) => parentPort?.postMessage(message), kernels);
