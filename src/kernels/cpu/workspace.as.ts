// Each thread's private memory for packed panels. Every thread runs its own instance of the module, so a
// module global is thread-local.

export const workspaceSize: usize = 608 * 1024;

let workspace: usize = 0;

export function setWorkspace(pointer: usize): void {
  workspace = pointer;
}

// @ts-ignore: decorator
@inline
export function workspaceStart(): usize {
  return workspace;
}

/** Where row.as.ts of groupedLinear keeps a row during a phase, in which other kernels may run. */
const roundedAt: usize = 512 * 1024;

/** Where planes of a packed row lie: behind the rows of row.as.ts of bitLinear, and behind the sums of a product. */
const planesAt: usize = 264 * 1024;
export const planesBytes: usize = roundedAt - planesAt;

// @ts-ignore: decorator
@inline
export function planesStart(): usize {
  return workspace + planesAt;
}

// @ts-ignore: decorator
@inline
export function roundedStart(): usize {
  return workspace + roundedAt;
}

let fused: bool = false;

/** Whether the machine fuses pairs of vectors to 256 bits, so that kernels written for this are faster. */
export function setFusesVectors(value: bool): void {
  fused = value;
}

// @ts-ignore: decorator
@inline
export function fusesVectors(): bool {
  return fused;
}

let bytes: bool = false;

/** Whether kernels with dot products of whole bytes are exact on this machine, as `hasByteDots` finds out. */
export function setByteDots(value: bool): void {
  bytes = value;
}

// @ts-ignore: decorator
@inline
export function byteDots(): bool {
  return bytes;
}

let phase: i32 = 0;

/** Counts the phases in which this thread takes part: see run.as.ts. */
export function beginPhase(): void {
  phase++;
}

// @ts-ignore: decorator
@inline
export function currentPhase(): i32 {
  return phase;
}
