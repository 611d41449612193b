/**
 * Waiting for a GPU in Node. Dawn's binding asks the device in every turn of the event loop whether it is done, and each
 * question leaves objects behind. Turns that do nothing else follow one another in microseconds, so that a long wait
 * takes a whole processor and fills the heap: when training at 35 ms a step on an H200, every 32nd step waited a tenth of
 * a second for the garbage collector. Here turns of a long wait take a little longer.
 */

/** Milliseconds that a wait may take before its turns are made longer: tokens are generated in less. */
const shortWait = 2;
/** Milliseconds that a turn is made longer by; systems make two of one. An answer is noticed half of it later. */
const nap = 0.1;

/** Nobody ever wakes the sleeper. */
const neverWoken = new Int32Array(new SharedArrayBuffer(4));

/** Answers that somebody waits for, and since when anybody did. */
let waiting = 0;
let since = 0;
/** Whether `turn` is on its way. */
let turning = false;

/** The same answer; the process does nothing else meanwhile but look for events some thousand times a second. */
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
