/** The entry of a thread in Node. */
import { parentPort, workerData } from 'node:worker_threads';
import { serve } from '../engine/cpu/thread.js';
import { bindNative } from './nativeKernels.js';
import { takeProcessor } from './ownProcessor.js';

const { native, memory, takesAllCores, thread, threads } = workerData;
if (takesAllCores) takeProcessor(thread, threads);
const kernels = native && bindNative(native, memory);
serve(workerData, (message) => parentPort?.postMessage(message), kernels);
