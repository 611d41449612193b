/** The entry of a thread in Node. */
import { parentPort, workerData } from 'node:worker_threads';
import { serve } from '../engine/cpu/thread.js';

serve(workerData, (message) => parentPort?.postMessage(message));
