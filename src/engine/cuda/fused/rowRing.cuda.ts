/**
 * Rows on their way from memory: while a block computes one, its next ones come into shared memory. A thread reads only
 * what it has asked for itself, so that no other one is waited for.
 */
import type { CudaFeatures } from '../../../kernels/cuda/launch.ts';
import type { Tensor } from '../../../program/tensor.ts';
import type { RowSource } from '../../fused/rowSource.ts';
import { eachVector, type RowCut } from './rowCut.ts';

/** Vectors of four columns of row `at`, an expression of `row`, of a tensor, which kernels know by a name. */
export interface RowStream {
  readonly name: string;
  readonly at: string;
  readonly tensor: Tensor | undefined;
}

/** The streams of rows, and where each of them begins in a slot. */
export interface RowRing {
  readonly cut: RowCut;
  readonly streams: readonly (RowStream & { readonly bytes: number; readonly begin: number })[];
  readonly slotBytes: number;
  /** Rows that have a slot, the one that is computed among them; 0: rows are read when they are needed. */
  readonly depth: number;
  readonly shared: number;
}

const maxDepth = 3;
/** Shared memory that such kernels have besides, or that the card itself uses for a block. */
const reservedBytes = 4096;

/** What is read of a source's row. */
export function sourceStreams({ kind, x, ...rest }: RowSource): RowStream[] {
  switch (kind) {
    case 'rmsNorm':
      return [{ name: 'x', at: 'row', tensor: x }];
    case 'gatedNorm':
      return [
        { name: 'x', at: 'row', tensor: x },
        { name: 'h', at: 'row', tensor: (rest as { h: Tensor }).h },
      ];
    case 'swiglu':
      return [
        { name: 'x', at: '2 * row', tensor: x },
        { name: 'x', at: '2 * row + 1', tensor: x },
      ];
  }
}

/** @param blocks blocks of a processor at the same time */
export function rowRing(
  cut: RowCut,
  streams: readonly RowStream[],
  blocks: number,
  { sharedBytes }: CudaFeatures,
): RowRing {
  let slotBytes = 0;
  const placed = streams.map((stream) => {
    const bytes = stream.tensor?.dtype === 'bf16' ? 8 : 16;
    const begin = slotBytes;
    slotBytes += bytes * cut.loads * cut.threads * cut.rows;
    return { ...stream, bytes, begin };
  });
  const fitting = Math.floor((sharedBytes / blocks - reservedBytes) / slotBytes);
  const depth = fitting < 2 ? 0 : Math.min(fitting, maxDepth);
  return { cut, streams: placed, slotBytes, depth, shared: depth * slotBytes };
}

/** A thread's part of a vector in slot `slot`. */
function place({ cut, slotBytes }: RowRing, { bytes, begin }: RowRing['streams'][number], slot: string) {
  const type = bytes === 8 ? 'uint2' : 'uint4';
  return `(${type}*)((char*)ring + (${slot}) * ${slotBytes} + ${begin}) + k * ${cut.threads * cut.rows} + threadIdx.x`;
}

/** Code for each of a warp's or block's rows, and before the first and after the last of them. */
export interface RowCode {
  readonly before?: string;
  readonly row: string;
  readonly after?: string;
}

/** In a kernel over rows: a thread is number `lane` of its row, and `turn` counts the rows since `first`. */
export function eachRowOf(ring: RowRing, { before = '', row, after = '' }: RowCode): string {
  const { cut, streams, depth } = ring;
  const copies = streams.map(
    (stream) => `copyLater(${place(ring, stream, 'slot')}, ${inMemory(ring, stream)});`,
  );
  const fetch = `
  extern __shared__ uint4 ring[];
  auto fetch = [&](unsigned row, unsigned slot) {
    if (row < rows) ${eachVector(cut, copies.join(' '))}
    endGroup();
  };
  ${Array.from({ length: depth - 1 }, (_, n) => `fetch(first + ${n} * stride, ${n});`).join(' ')}`;
  const next = `
    fetch(row + ${depth - 1} * stride, (turn + ${depth - 1}) % ${depth});
    waitForGroups<${depth - 1}>();
    const unsigned slot = turn % ${depth};`;
  const prefetches = streams.map((stream) => `prefetch(${inMemory(ring, stream)});`);
  const intoCache = `if (row + stride < rows) { const unsigned later = row + stride; { const unsigned row = later; ${eachVector(cut, prefetches.join(' '))} } }`;
  return `
  const unsigned lane = threadIdx.x % ${cut.threads}, stride = gridDim.x * ${cut.rows};
  const unsigned first = blockIdx.x * ${cut.rows} + threadIdx.x / ${cut.threads};
  ${depth ? fetch : ''}
  ${before}
  unsigned turn = 0;
  for (unsigned row = first; row < rows; row += stride, turn++) {
    ${depth ? next : intoCache}
    ${row}
  }
  ${after}`;
}

/** Where a thread's vector of a row lies in memory. */
function inMemory({ cut }: RowRing, { name, at, bytes }: RowRing['streams'][number]): string {
  return `(const ${bytes === 8 ? 'uint2' : 'uint4'}*)${name} + (size_t)(${at}) * ${cut.fours} + at`;
}

/** Vector `k` of the row, of stream number `n`. */
export function vectorOf(ring: RowRing, n: number): string {
  const stream = ring.streams[n]!;
  return `four(${ring.depth ? place(ring, stream, 'slot') : inMemory(ring, stream)})`;
}
