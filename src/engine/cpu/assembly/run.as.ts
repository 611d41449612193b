// Runs a program. Its kernels are grouped into phases; the kernels of a phase are independent and are cut into pieces.
// Threads claim pieces one at a time, and the thread that completes a phase opens the next. A phase waits only for
// pieces that somebody has claimed: a thread that has no core holds nothing up. No JavaScript runs between two kernels.

import { beginPhase, workspaceSize } from "../../../kernels/cpu/workspace.as";

// The control block, a cache line for each group of words that is written together. Zero-filled at start.

/** At its start, u64: pieces of the open phase (bits 0 to 15), pieces claimed (16 to 31), the phase's number (32 to 63). */
const numberAt: usize = 4;
/** i32: pieces of the open phase that are done. */
const doneAt: usize = 64;
/** i32: threads that sleep. */
const sleepersAt: usize = 68;
/** `Run` */
const runAt: usize = 128;

@unmanaged
class Run {
  /** Address of the list of phases. */
  list: usize;
  /** Number of phases in the list. */
  count: i32;
  /** The open phase; −1 before the first. */
  index: i32;
  /** Address of count + 1 float64 times, or 0: filled when a run is profiled. */
  profile: usize;
}

@unmanaged
class Phase {
  calls: usize; // of `KernelEntry`
  count: i32;
  pieces: i32;
  wakes: i32; // sleeping threads that are worth waking for it
  together: i32; // 1: a piece is that of every kernel, one after the other; 0: pieces are counted through the kernels
}

@unmanaged
class KernelEntry {
  slot: i32; // in the function table
  args: usize;
  pieces: i32;
}

// @ts-ignore: decorator
@external("host", "now")
declare function now(): f64;

/**
 * Rounds of waiting for a phase before a thread sleeps: some 100 µs. Waking takes ten times as long as a phase of a
 * small model, but a thread that spins may hold the core that the last piece of the phase needs.
 */
const spins: i32 = 2000;

/** Keeps the loop in `pause` from being removed. */
let rest: f64 = 2;

/** WebAssembly has no pause instruction. Square roots that wait for one another leave the core to its other thread. */
// @ts-ignore: decorator
@inline
function pause(): void {
  rest = sqrt<f64>(sqrt<f64>(sqrt<f64>(rest + 1)));
}

/** Waits until the phase `seen` is over; sleeps after so many rounds. */
function waitForPhase(control: usize, seen: i32, rounds: i32): void {
  const number = control + numberAt;
  for (let i = 0; i < rounds; i++) {
    if (atomic.load<i32>(number) != seen) return;
    pause();
  }
  atomic.add<i32>(control + sleepersAt, 1);
  while (atomic.load<i32>(number) == seen) atomic.wait<i32>(number, seen, -1);
  atomic.sub<i32>(control + sleepersAt, 1);
}

/**
 * Takes part in the work until this thread has completed a run.
 * @param sleeps whether it sleeps at once if it finds no work: it has told the host of the end of a run, and there is no
 *   other core on which that could continue
 */
export function work(control: usize, sleeps: bool): void {
  let rounds = sleeps ? 0 : spins;
  for (;;) {
    const ticket = claim(control);
    const pieces = <i32>(ticket & 0xffff);
    let piece = pieceOf(ticket);
    if (piece < pieces) {
      // The phase stays open, and the control words stay as they are, while this thread holds a piece.
      const run = runOf(control);
      let mine = 0;
      rounds = spins;
      beginPhase();
      do {
        if (run.index >= 0) runPiece(phaseAt(run, run.index), piece);
        mine++;
        piece = pieceOf(claim(control));
      } while (piece < pieces);
      if (atomic.add<i32>(control + doneAt, mine) + mine == pieces) {
        if (advance(control)) return;
        continue;
      }
    }
    waitForPhase(control, <i32>(ticket >> 32), rounds);
  }
}

// @ts-ignore: decorator
@inline
function claim(control: usize): u64 {
  return atomic.add<u64>(control, 1 << 16);
}

// @ts-ignore: decorator
@inline
function pieceOf(ticket: u64): i32 {
  return <i32>(ticket >> 16) & 0xffff;
}

// @ts-ignore: decorator
@inline
function runOf(control: usize): Run {
  return changetype<Run>(control + runAt);
}

// @ts-ignore: decorator
@inline
function phaseAt(run: Run, index: i32): Phase {
  return changetype<Phase>(run.list + <usize>index * offsetof<Phase>());
}

/** Runs phases of one piece and opens the next that has several. Returns whether the run is complete. */
export function advance(control: usize): bool {
  const run = runOf(control);
  const number = <u64>(<u32>(atomic.load<i32>(control + numberAt) + 1)) << 32;
  let index = run.index + 1;
  for (; index < run.count; index++) {
    tell(run, index);
    const phase = phaseAt(run, index);
    if (phase.pieces > 1) {
      run.index = index;
      atomic.store<i32>(control + doneAt, 0);
      atomic.store<u64>(control, number | <u64>phase.pieces);
      if (phase.wakes > 0 && atomic.load<i32>(control + sleepersAt) > 0) {
        atomic.notify(control + numberAt, phase.wakes);
      }
      return false;
    }
    beginPhase();
    runPiece(phase, 0);
  }
  tell(run, index);
  atomic.store<u64>(control, number);
  return true;
}

/** Notes when `index` phases were done. */
// @ts-ignore: decorator
@inline
function tell(run: Run, index: i32): void {
  if (run.profile) store<f64>(run.profile + ((<usize>index) << 3), now());
}

/** Piece `piece` of the phase. */
function runPiece(phase: Phase, piece: i32): void {
  let entry = changetype<KernelEntry>(phase.calls);
  if (phase.together) {
    for (let k = 0; k < phase.count; k++, entry = nextTo(entry)) {
      call_indirect<void>(entry.slot, entry.args, piece, entry.pieces);
    }
    return;
  }
  while (piece >= entry.pieces) {
    piece -= entry.pieces;
    entry = nextTo(entry);
  }
  call_indirect<void>(entry.slot, entry.args, piece, entry.pieces);
}

// @ts-ignore: decorator
@inline
function nextTo(entry: KernelEntry): KernelEntry {
  return changetype<KernelEntry>(changetype<usize>(entry) + offsetof<KernelEntry>());
}

export { setByteDots, setFusesVectors, setWorkspace } from "../../../kernels/cpu/workspace.as";

/** Bytes of private memory that each thread needs. */
export function workspaceBytes(): usize {
  return workspaceSize;
}
