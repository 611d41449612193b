/**
 * Small results to the host by a kernel that stores into its memory: the copy engine takes some microseconds to begin, and
 * again for each of several tensors.
 */
import type { Launch, LaunchShape } from '../../kernels/cuda/launch.ts';
import { blockSize } from '../../kernels/cuda/shapes.ts';
import { assembleKernel } from './kernelSource.ts';

/** Bytes from an address of the card to one of the host. */
export interface HostCopy {
  readonly from: bigint;
  readonly to: bigint;
  readonly bytes: number;
}

/** Copies of a launch, at most. */
const maxCopies = 64;
/** Larger results are faster with the copy engine. */
const maxBytes = 2 ** 18;
/** What a thread copies at once: the last one of a copy may carry up to 15 bytes too many. */
export const vectorBytes = 16;

const none: readonly number[] = Array(maxCopies).fill(0);

const launch: Launch = {
  kernel: 'toHost',
  body: `
  const uint4* const from = (const uint4*)froms.at[blockIdx.y];
  uint4* const to = (uint4*)tos.at[blockIdx.y];
  const unsigned vectors = counts.at[blockIdx.y];
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < vectors; i += gridDim.x * blockDim.x) to[i] = from[i];`,
  ...{ tensors: {}, numbers: {}, lists: { froms: none, tos: none, counts: none } },
  ...{ grid: [1, maxCopies, 1], block: blockSize },
};

export const toHostKernel = assembleKernel(launch);

export function suitsKernel(copies: readonly HostCopy[]): boolean {
  return (
    copies.length > 0 &&
    copies.length <= maxCopies &&
    copies.reduce((sum, { bytes }) => sum + bytes, 0) <= maxBytes &&
    copies.every(({ from, to }) => (from | to) % BigInt(vectorBytes) === 0n)
  );
}

/** The kernel's arguments, and its blocks: as many for each copy as the largest needs. */
export function toHostLaunch(copies: readonly HostCopy[]): LaunchShape & { readonly words: bigint[][] } {
  const counts = copies.map(({ bytes }) => Math.ceil(bytes / vectorBytes));
  const lists = [copies.map(({ from }) => from), copies.map(({ to }) => to), counts.map(BigInt)];
  return {
    words: lists.map((list) => [...list, ...Array<bigint>(maxCopies - copies.length).fill(0n)]),
    grid: [Math.max(Math.ceil(Math.max(...counts) / blockSize), 1), copies.length, 1],
    block: blockSize,
  };
}
