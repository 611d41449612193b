/**
 * Decoding in few launches: one kernel does all of a stretch of a block, as `FusedProjections` describes it. Every block of
 * threads normalises and quantises the whole row for itself, which costs less than another launch, and then takes some
 * packed rows of weights, which are on their way into shared memory meanwhile.
 */
import { asyncCopies } from '../../../kernels/cuda/asyncCopies.cuda.ts';
import type { CudaFeatures, Launch } from '../../../kernels/cuda/launch.ts';
import { epsilon as linearEpsilon } from '../../../ops/bitLinear/reference.ts';
import { mlgruStep } from '../../../ops/mlgru/kernel.cuda.ts';
import { rowsOf } from '../../../program/shapes.ts';
import { type Epilogue, type FusedProjections, projectionTensors } from '../../fused/projections.ts';
import { consume, dotFunctions, fetchAhead, ringOf } from './codesInShared.cuda.ts';
import { overRowFunctions } from './overRow.cuda.ts';
import { quantiseRow, readVectors } from './rowInShared.cuda.ts';

/** Blocks for each token, and how many of them a processor has room for at the same time. */
export interface BlockShape {
  readonly threads: number;
  readonly blocksOfProcessor: number;
}

const smallBlocks: BlockShape = { threads: 256, blocksOfProcessor: 2 };

/** How blocks share packed rows, a row having the codes of four outputs, and what a block's threads share. */
function cut(t: FusedProjections, features: CudaFeatures, { threads, blocksOfProcessor }: BlockShape) {
  const [out, width] = t.matrices[0]!.codes.shape as [number, number];
  const count = t.matrices.length;
  const packed = Math.ceil(out / 4);
  const grid = Math.min(packed, blocksOfProcessor * features.processors);
  const rows = Math.ceil(packed / grid);
  const planes = t.epilogue.kind === 'swiglu' ? 2 : 4;
  const shared = Math.floor(features.sharedBytes / blocksOfProcessor);
  const warps = threads / 32;
  return {
    ...{ threads, warps, out, width, count, packed, grid, rows, planes },
    ring: ringOf({ warps, lines: rows * count, vectors: width / 16 }, shared - count * width),
    outputs: Math.ceil((rows * planes) / threads),
    loads: Math.ceil(width / 4 / threads),
  };
}

export type Sizes = ReturnType<typeof cut>;

export function fusedProjections(
  t: FusedProjections,
  features: CudaFeatures,
  shape: BlockShape = smallBlocks,
): Launch {
  const sizes = cut(t, features, shape);
  const { out, width, packed, grid, threads, ring, count } = sizes;
  const { prologue, epilogue, matrices } = t;
  const layer = epilogue.kind === 'mlgru' ? epilogue.layer : 0;
  const before = 'epsilon' in prologue ? prologue.epsilon : 0;
  return {
    kernel: `fused.${prologue.kind}.${matrices.length}.${epilogue.kind}`,
    functions: mlgruStep + overRowFunctions + asyncCopies + dotFunctions,
    body: begin(t, sizes) + quantiseRow(t, sizes) + multiply(t, sizes),
    tensors: projectionTensors(t),
    types: Object.fromEntries(matrices.map((_, k) => [`codes${k}`, 'const unsigned char'])),
    numbers: { out, packed, layer, epsilon: { f32: linearEpsilon }, before: { f32: before } },
    ...{ grid: [grid, rowsOf(t.x), 1], block: threads },
    shared: width * count + ring.bytes,
    beginsEarly: true,
  };
}

/** What a block may read before the row is there: codes, norms, scales. Then it waits. */
function begin(t: FusedProjections, sizes: Sizes): string {
  const { width, rows, count, grid, ring, outputs, threads, planes } = sizes;
  // Weights that the program itself makes are there once earlier launches have ended.
  const gamma = t.prologue.kind === 'none' ? [] : [t.prologue.gamma];
  const weights = [...gamma, ...t.matrices.flatMap(({ codes, norm, scale }) => [codes, norm, scale])];
  const areConstant = weights.every(({ kind }) => kind !== 'temporary');
  return `
  extern __shared__ uint4 q[];
  __shared__ int sums[${4 * rows * count}], totals[${count}];
  const unsigned thread = threadIdx.x, warp = thread / 32, lane = thread % 32, token = blockIdx.y;
  const unsigned firstRow = blockIdx.x * packed / ${grid}, rows = (blockIdx.x + 1) * packed / ${grid} - firstRow;
  const size_t base = (size_t)token * ${width};
  letLaterBegin();
  for (unsigned n = thread; n < ${4 * rows * count}; n += ${threads}) sums[n] = 0;
  if (thread < ${count}) totals[thread] = 0;
  ${areConstant ? '' : 'waitForEarlier();'}
  ${fetchAhead(ring, `q + ${(count * width) / 16}`, count)}
  ${t.matrices.map((_, k) => `const float scaleOf${k} = scale${k}[0];`).join(' ')}
  ${readVectors(t, sizes)}
  ${areConstant ? 'waitForEarlier();' : ''}
  ${readAhead(t.epilogue, outputs)}
  #pragma unroll
  for (int n = 0; n < ${outputs}; n++) {
    const unsigned i = thread + n * ${threads}, row = i % ${rows}, o = firstRow + row + i / ${rows} * packed;
    const bool stores = row < rows && i < ${rows * planes} && o < out;
    ${readOne(t.epilogue)}
  }`;
}

/** A code is a weight and one: the sum of the row's activations is taken off again. */
function multiply(t: FusedProjections, { ring, count, threads, outputs, rows, planes }: Sizes): string {
  return `
  ${consume(ring, count)}
  __syncthreads();
  #pragma unroll
  for (int n = 0; n < ${outputs}; n++) {
    const unsigned i = thread + n * ${threads}, row = i % ${rows}, plane = i / ${rows}, o = firstRow + row + plane * packed;
    if (row < rows && i < ${rows * planes} && o < out) {
      ${t.matrices
        .map(
          (_, k) =>
            `auto y${k} = [&](unsigned p) { return ((sums[4 * (${count} * row + ${k}) + p] >> 2 * p) - totals[${k}]) * (scaleOf${k} * step[${k}]); };`,
        )
        .join('\n      ')}
      ${store(t.epilogue)}
    }
  }`;
}

const at = '(size_t)token * out + o';

/** What outputs need besides the products: read before they are computed. */
function readAhead({ kind }: Epilogue, outputs: number): string {
  switch (kind) {
    case 'add':
      return `float given[${outputs}];`;
    case 'mlgru':
      return `float bound[${outputs}], state[${outputs}];`;
    default:
      return '';
  }
}

function readOne({ kind }: Epilogue): string {
  switch (kind) {
    case 'add':
      return `given[n] = stores ? to[${at}] : 0.f;`;
    case 'mlgru':
      return `bound[n] = stores && bounds ? bounds[layer * out + o] : 0.f; state[n] = stores && start ? start[${at}] : 0.f;`;
    default:
      return '';
  }
}

/** What becomes of output `o`, which is plane `plane` of the products. */
function store(epilogue: Epilogue): string {
  switch (epilogue.kind) {
    case 'none':
      return `y[${at}] = y0(plane);`;
    case 'add':
      return `y[${at}] = given[n] + y0(plane);`;
    case 'swiglu': // the first half of the outputs, two planes, are gates of the second
      return `y[(size_t)token * (out / 2) + o] = silu(y0(plane)) * y0(plane + 2);`;
    case 'mlgru':
      return `const float next = mlgruStep(state[n], forgetGate(sigmoid(y1(plane)), bound[n]), y0(plane));
      hidden[${at}] = next;
      last[${at}] = next;
      g[${at}] = y2(plane);`;
  }
}
