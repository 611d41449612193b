/**
 * A processor for each thread of the CPU engine. JavaScript, because every thread loads it: see thread.js.
 *
 * Where threads take all processors, Linux often wakes two of them on one while another processor is idle, and moves none
 * for some milliseconds, which is longer than a step takes. JavaScript cannot choose a processor; koffi, an optional
 * package, calls the C library, which can.
 */
import { createRequire } from 'node:module';

/** Bytes of a set of processors, a bit for each. */
const setBytes = 128;

/**
 * Keeps the calling thread on a processor of its own, if there are no more processors than threads: others could take the
 * work of a busy one. Does nothing on other systems and without koffi.
 * @param {number} thread number of the calling thread, from 0
 * @param {number} threads
 */
export function takeProcessor(thread, threads) {
  if (process.platform !== 'linux') return;
  try {
    const library = createRequire(import.meta.url)('koffi').load(null);
    const getProcessors = library.func('int sched_getaffinity(int, size_t, _Out_ uint8_t *)');
    const setProcessors = library.func('int sched_setaffinity(int, size_t, const uint8_t *)');
    const allowed = new Uint8Array(setBytes);
    if (getProcessors(0, setBytes, allowed) < 0) return;
    const processors = [...Array(8 * setBytes).keys()].filter(
      (bit) => ((allowed[bit >> 3] ?? 0) >> (bit & 7)) & 1,
    );
    const own = processors[thread % processors.length];
    if (own === undefined || processors.length > threads) return;
    setProcessors(0, setBytes, new Uint8Array(setBytes).fill(1 << (own & 7), own >> 3, (own >> 3) + 1));
  } catch {} // the system chooses
}
