/**
 * Waits for a GPU in Node. Dawn's binding polls the device in every turn of the event loop, and each poll allocates.
 * Idle turns take microseconds, so a long wait would use a whole core and fill the heap: when training at 35 ms a step on
 * an H200, every 32nd step waited 0.1 s for the garbage collector. This module lengthens the turns of a long wait.
 */

/** Milliseconds of waiting before turns are lengthened; decoding a token takes less. */
const shortWait = 2;
/** Milliseconds added to a turn; the system may double it. An answer is noticed half of it later on average. */
const nap = 0.1;

/** Never notified: waiting on it always times out. */
const neverWoken = new Int32Array(new SharedArrayBuffer(4));

/** Number of pending answers, and since when there have been any. */
let waiting = 0;
let since = 0;
/** Whether `turn` is scheduled. */
let turning = false;

/** Resolves like `answer`; a process that does nothing else polls some thousand times a second meanwhile. */
export async function awaitPatiently<T>(answer: Promise<T>): Promise<T> {
  if (waiting++ === 0) since = performance.now();
  if (!turning) setImmediate(turn);
  turning = true;
  try {
    return await answer;
  } finally {
    waiting--;
  }
}

function turn(): void {
  turning = waiting > 0;
  if (!turning) return;
  if (performance.now() - since > shortWait) Atomics.wait(neverWoken, 0, 0, nap);
  setImmediate(turn);
}
