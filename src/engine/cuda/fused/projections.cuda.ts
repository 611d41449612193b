/**
 * Decoding in few launches: one kernel does all of a stretch of a block, as `FusedProjections` describes it. Every block of
 * threads normalises and quantises the whole row for itself, which costs less than another launch, and then takes some
 * packed rows of weights, of which the first loads are on their way meanwhile.
 */
import type { CudaFeatures, Launch } from '../../../kernels/cuda/launch.ts';
import { epsilon as linearEpsilon } from '../../../ops/bitLinear/reference.ts';
import { mlgruStep } from '../../../ops/mlgru/kernel.cuda.ts';
import { rowsOf } from '../../../program/shapes.ts';
import {
  type Epilogue,
  type FusedProjections,
  type Prologue,
  projectionTensors,
} from '../../fused/projections.ts';

/** Vectors of 16 codes that a thread loads before the row is quantised. */
const maxEarly = 2;

/** Blocks for each token. By default one for each few rows of weights. */
export interface BlockShape {
  readonly threads: number;
  readonly maxBlocks: number;
}

const smallBlocks: BlockShape = { threads: 256, maxBlocks: Number.POSITIVE_INFINITY };

/** How the warps of a block share packed rows: few rows are cut among several warps, so that all processors have some. */
function cut(t: FusedProjections, { processors }: CudaFeatures, { threads, maxBlocks }: BlockShape) {
  const allWarps = threads / 32;
  const [out, width] = t.matrices[0]!.codes.shape as [number, number];
  const packed = Math.ceil(out / 4);
  const blocks = width / 16;
  let perRow = 1;
  const isFew = () => Math.ceil((packed * perRow) / allWarps) < processors / 2;
  while (perRow < allWarps && isFew() && blocks > 32 * perRow) perRow *= 2;
  return {
    ...{ threads, allWarps, out, width, packed, blocks, perRow },
    rows: allWarps / perRow,
    grid: Math.min(Math.ceil((packed * perRow) / allWarps), maxBlocks),
    loads: Math.ceil(width / 4 / threads),
  };
}

export function fusedProjections(
  t: FusedProjections,
  features: CudaFeatures,
  shape: BlockShape = smallBlocks,
): Launch {
  const sizes = cut(t, features, shape);
  const { out, width, packed, grid, threads } = sizes;
  const { prologue, epilogue, matrices } = t;
  const layer = epilogue.kind === 'mlgru' ? epilogue.layer : 0;
  const before = 'epsilon' in prologue ? prologue.epsilon : 0;
  return {
    kernel: `fused.${prologue.kind}.${matrices.length}.${epilogue.kind}`,
    functions: mlgruStep + warpFunctions,
    body: quantiseRow(t, sizes) + multiply(t, sizes),
    tensors: projectionTensors(t),
    types: Object.fromEntries(matrices.map((_, k) => [`codes${k}`, 'const unsigned char'])),
    numbers: { out, packed, layer, epsilon: { f32: linearEpsilon }, before: { f32: before } },
    ...{ grid: [grid, rowsOf(t.x), 1], block: threads },
    shared: width * matrices.length,
    beginsEarly: true,
  };
}

/** Over a warp, in one instruction: integers, and floats that are not negative, whose bits are in their order. */
const warpFunctions = `
__device__ inline int warpTotal(int x) { return __reduce_add_sync(~0u, x); }
__device__ inline float warpMaxOfMagnitudes(float x) { return __uint_as_float(__reduce_max_sync(~0u, __float_as_uint(x))); }
`;

type Sizes = ReturnType<typeof cut>;

/** `body` for each of the matrices. */
function eachMatrix({ matrices }: FusedProjections, body: (k: number) => string): string {
  return matrices.map((_, k) => body(k)).join('\n  ');
}

/** What a block may read before the row is there: its first codes, and norms. Then it waits. */
function readWeights(
  t: FusedProjections,
  { width, blocks, perRow, rows, loads, threads, allWarps }: Sizes,
): string {
  const words = width / 4;
  const early = Math.min(Math.ceil(blocks / (32 * perRow)), maxEarly);
  // Weights that the program itself makes are there once earlier launches have ended.
  const gamma = t.prologue.kind === 'none' ? [] : [t.prologue.gamma];
  const weights = [...gamma, ...t.matrices.flatMap(({ codes, norm }) => [codes, norm])];
  const areConstant = weights.every(({ kind }) => kind !== 'temporary');
  const vectors = [...gamma.map(() => 'gamma'), ...t.matrices.map((_, k) => `norm${k}`)];
  const readVectors = vectors
    .map((name) => `${name}s[j] = inside ? ((const float4*)${name})[at] : none;`)
    .join('\n    ');
  return `
  extern __shared__ uint4 q[];
  __shared__ float parts[${allWarps}][${2 + t.matrices.length}];
  const unsigned thread = threadIdx.x, warp = thread / 32, token = blockIdx.y;
  const unsigned firstRow = blockIdx.x * ${rows} + warp / ${perRow}, mine = warp % ${perRow} * 32 + thread % 32;
  const size_t base = (size_t)token * ${width};
  letLaterBegin();
  ${areConstant ? '' : 'waitForEarlier();'}
  ${eachMatrix(
    t,
    (k) => `const uint4* const w${k} = (const uint4*)(codes${k} + (size_t)firstRow * ${width});
  uint4 early${k}[${early}] = {};
  if (firstRow < packed) for (int n = 0; n < ${early}; n++) if (mine + n * ${32 * perRow} < ${blocks}) early${k}[n] = __ldg(w${k} + mine + n * ${32 * perRow});`,
  )}
  ${eachMatrix(t, (k) => `const float scaleOf${k} = scale${k}[0];`)}
  const float4 none = make_float4(0.f, 0.f, 0.f, 0.f);
  float4 ${vectors.map((name) => `${name}s[${loads}]`).join(', ')};
  #pragma unroll
  for (int j = 0; j < ${loads}; j++) {
    const unsigned at = thread + j * ${threads};
    const bool inside = at < ${words};
    ${readVectors}
  }
  ${areConstant ? 'waitForEarlier();' : ''}`;
}

/**
 * With u = x ⊙ gamma ⊙ gate, the row is r0·u, and both norms and all maxima follow from sums that one look takes. Leaves
 * the quantised row in `q`, once for each matrix, and a unit's worth in `step`.
 */
function quantiseRow(t: FusedProjections, sizes: Sizes): string {
  const { width, loads, threads, allWarps } = sizes;
  const count = t.matrices.length;
  const words = width / 4;
  return `${readWeights(t, sizes)}
  float4 u[${loads}];
  float found[${2 + count}] = {};
  #pragma unroll
  for (int j = 0; j < ${loads}; j++) {
    const unsigned at = thread + j * ${threads};
    u[j] = none;
    if (at < ${words}) {
      const float4 value = ((const float4*)(x + base))[at];
      u[j] = ${scaled(t.prologue)};
      found[0] += dot(value, value);
      found[1] += dot(u[j], u[j]);
      ${eachMatrix(t, (k) => `found[${2 + k}] = fmaxf(found[${2 + k}], largestOf(u[j] * norm${k}s[j]));`)}
    }
  }
  for (int n = 0; n < ${2 + count}; n++) {
    found[n] = n < 2 ? warpSum(found[n]) : warpMaxOfMagnitudes(found[n]);
    if (thread % 32 == 0) parts[warp][n] = found[n];
  }
  __syncthreads();
  for (int n = 0; n < ${2 + count}; n++) {
    found[n] = parts[0][n];
    for (int k = 1; k < ${allWarps}; k++) found[n] = n < 2 ? found[n] + parts[k][n] : fmaxf(found[n], parts[k][n]);
  }
  const float r0 = ${t.prologue.kind === 'none' ? '1.f' : `rsqrtf(found[0] / ${width}.f + before)`};
  const float r = r0 * rsqrtf(found[1] * r0 * r0 / ${width}.f + epsilon);
  float step[${count}];
  ${eachMatrix(
    t,
    (k) => `{
    const float largest = fmaxf(found[${2 + k}] * r, 1e-5f), s = r * __fdividef(127.f, largest);
    step[${k}] = largest / 127.f;
    #pragma unroll
    for (int j = 0; j < ${loads}; j++) {
      const unsigned at = thread + j * ${threads};
      if (at < ${words}) {
        const float4 four = u[j] * norm${k}s[j] * s;
        ((unsigned*)q)[${words * k} + at] = roundToInt8(four);
      }
    }
  }`,
  )}
  __syncthreads();`;
}

/** u: `value` of x as the prologue has it, but for the norm's factor. */
function scaled(prologue: Prologue): string {
  if (prologue.kind === 'none') return 'value';
  const gate = prologue.kind === 'gatedNorm' ? ' * silu(((const float4*)(h + base))[at])' : '';
  return `value * gammas[j]${gate}`;
}

/** A code is a weight and one: the sum of the row's activations is taken off again. */
function multiply(t: FusedProjections, { blocks, perRow, width, rows, grid, allWarps }: Sizes): string {
  const count = t.matrices.length;
  const early = Math.min(Math.ceil(blocks / (32 * perRow)), maxEarly);
  const stride = 32 * perRow;
  return `
  for (unsigned base = blockIdx.x * ${rows}; base < packed; base += ${grid * rows}) {
    const bool isFirst = base == blockIdx.x * ${rows};
    const unsigned row = base + warp / ${perRow}, plane = thread % 32, o = row + plane * packed;
    const bool stores = warp % ${perRow} == 0 && row < packed && plane < ${t.epilogue.kind === 'swiglu' ? 2 : 4} && o < out;
    ${readAhead(t.epilogue)}
    int sums[${count}][4] = {};
    ${eachMatrix(
      t,
      (k) => `if (row < packed) {
      int all = 0;
      const uint4* const w = (const uint4*)(codes${k} + (size_t)row * ${width});
      auto add = [&](uint4 w, unsigned block) {
        const uint4 a = q[${(width / 16) * k} + block];
        const unsigned ws[4] = {w.x, w.y, w.z, w.w}, as[4] = {a.x, a.y, a.z, a.w};
        for (int i = 0; i < 4; i++) {
          all = __dp4a((int)as[i], 0x01010101, all);
          for (int plane = 0; plane < 4; plane++)
            sums[${k}][plane] = __dp4a((int)as[i], (int)(ws[i] >> 2 * plane & 0x03030303u), sums[${k}][plane]);
        }
      };
      if (isFirst) { for (int n = 0; n < ${early}; n++) if (mine + n * ${stride} < ${blocks}) add(early${k}[n], mine + n * ${stride}); }
      #pragma unroll 4
      for (unsigned block = isFirst ? mine + ${early * stride} : mine; block < ${blocks}; block += ${stride}) add(__ldg(w + block), block);
      for (int plane = 0; plane < 4; plane++) sums[${k}][plane] = warpTotal(sums[${k}][plane] - all);
    }`,
    )}
    ${perRow > 1 ? sumOfWarps(count, perRow, allWarps) : ''}
    if (stores) {
      ${eachMatrix(
        t,
        (k) => `const float unit${k} = scaleOf${k} * step[${k}];
      auto y${k} = [&](unsigned p) { return (p == 0 ? sums[${k}][0] : p == 1 ? sums[${k}][1] : p == 2 ? sums[${k}][2] : sums[${k}][3]) * unit${k}; };`,
      )}
      ${store(t.epilogue)}
    }
  }`;
}

/** Sums of the warps that share a row, in the first of them. */
function sumOfWarps(count: number, perRow: number, allWarps: number): string {
  return `__shared__ int ofWarps[${allWarps}][${4 * count}];
    __syncthreads();
    if (thread % 32 == 0) for (int n = 0; n < ${4 * count}; n++) ofWarps[warp][n] = sums[n / 4][n % 4];
    __syncthreads();
    if (warp % ${perRow} == 0)
      for (int n = 0; n < ${4 * count}; n++)
        for (int k = 1; k < ${perRow}; k++) sums[n / 4][n % 4] += ofWarps[warp + k][n];`;
}

const at = '(size_t)token * out + o';

/** What output `o` needs besides the products: read before they are computed. */
function readAhead(epilogue: Epilogue): string {
  switch (epilogue.kind) {
    case 'add':
      return `const float given = stores ? to[${at}] : 0.f;`;
    case 'mlgru':
      return `const float bound = stores && bounds ? bounds[layer * out + o] : 0.f, state = stores && start ? start[${at}] : 0.f;`;
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
      return `y[${at}] = given + y0(plane);`;
    case 'swiglu': // the first half of the outputs, two planes, are gates of the second
      return `y[(size_t)token * (out / 2) + o] = silu(y0(plane)) * y0(plane + 2);`;
    case 'mlgru':
      return `const float next = mlgruStep(state, forgetGate(sigmoid(y1(plane)), bound), y0(plane));
      hidden[${at}] = next;
      last[${at}] = next;
      g[${at}] = y2(plane);`;
  }
}
