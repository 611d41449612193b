// Runs a program: each thread calls every kernel of the list with its own share of the work and waits for the
// others at a barrier between two kernels. No JavaScript runs between two kernels.

import { workspaceSize } from "../../../kernels/cpu/workspace.as";

/** Shared words that synchronise the threads and the host. Zero-filled at start. */
@unmanaged
class Control {
  /** Raised by the host for each run. */
  job: i32;
  /** Address of the kernel list: pairs (table index, address of the arguments). */
  list: usize;
  /** Number of kernels in the list. */
  count: i32;
  /** Threads that reached the barrier. */
  arrived: i32;
  /** Raised when all have arrived. */
  phase: i32;
  /** Address of count + 1 float64 times, or 0: filled by thread 0 when a run is profiled. */
  profile: usize;
}

// @ts-ignore: decorator
@external("host", "now")
declare function now(): f64;

/** Spinning is 20 times quicker than sleeping, but only while every thread has a core: so spin briefly. */
const spins: i32 = 50000;

function waitWhile(pointer: usize, old: i32): void {
  for (let i = 0; i < spins; i++) {
    if (atomic.load<i32>(pointer) != old) return;
  }
  while (atomic.load<i32>(pointer) == old) atomic.wait<i32>(pointer, old, -1);
}

function barrier(control: usize, threads: i32): void {
  const arrived = control + offsetof<Control>("arrived");
  const phase = control + offsetof<Control>("phase");
  const before = atomic.load<i32>(phase);
  if (atomic.add<i32>(arrived, 1) == threads - 1) {
    atomic.store<i32>(arrived, 0);
    atomic.store<i32>(phase, before + 1);
    atomic.notify(phase, threads);
  } else {
    waitWhile(phase, before);
  }
}

/** Runs the list once as thread `thread` of `threads`. */
export function runList(control: usize, thread: i32, threads: i32): void {
  const c = changetype<Control>(control);
  const list = c.list;
  const count = c.count;
  const profile = thread == 0 ? c.profile : 0;
  if (profile) store<f64>(profile, now());
  for (let i = 0; i < count; i++) {
    const entry = list + ((<usize>i) << 3);
    call_indirect<void>(load<u32>(entry), load<usize>(entry, 4), thread, threads);
    if (threads > 1) barrier(control, threads);
    if (profile) store<f64>(profile + ((<usize>i + 1) << 3), now());
  }
}

/** Waits for the host to raise `job` past `seen` and returns its new value. */
export function waitForJob(control: usize, seen: i32): i32 {
  const job = control + offsetof<Control>("job");
  waitWhile(job, seen);
  return atomic.load<i32>(job);
}

export { setByteDots, setFusesVectors, setWorkspace } from "../../../kernels/cpu/workspace.as";

/** Bytes of private memory that each thread needs. */
export function workspaceBytes(): usize {
  return workspaceSize;
}
