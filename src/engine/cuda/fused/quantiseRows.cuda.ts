/** The source of several projections, each one's RMSNorm and quantiser: int8 rows from one reading. */
import { asyncCopies } from '../../../kernels/cuda/asyncCopies.cuda.ts';
import type { CudaFeatures, Launch } from '../../../kernels/cuda/launch.ts';
import { epsilon as linearEpsilon } from '../../../ops/bitLinear/reference.ts';
import type { Units } from '../../../ops/bitLinear/units.ts';
import { widthOf } from '../../../program/shapes.ts';
import type { Tensor } from '../../../program/tensor.ts';
import { sourceEpsilon, sourceTensors, sourceWidth } from '../../fused/rowSource.ts';
import type { QuantiseRows } from '../../fused/rows.ts';
import { overRowFunctions } from './overRow.cuda.ts';
import { blocksWithin, cutForWarps, eachVector, overCut, type RowCut } from './rowCut.ts';
import { eachRowOf, type RowRing, rowRing, sourceStreams, vectorOf } from './rowRing.cuda.ts';
import { operandsOf, rowFunctions, unitOf } from './rows.cuda.ts';

/** Vectors of a thread. */
const vectors = { rmsNorm: 2, gatedNorm: 2, swiglu: 4 } as const;
/** Threads of a processor: as many as have registers enough, if a row is a warp's or a block's. */
const [ofWarps, ofBlocks] = [512, 768];
/** Vectors of norms that a thread keeps for all of its rows. */
const maxKept = 8;

/** A sum that x is a part of: x + to, stored as y, is the source in its place. */
export interface RowSum {
  readonly to: Tensor;
  readonly y: Tensor;
}

/** @param units of x, if it is int32 sums */
export function quantiseRows(t: QuantiseRows, features: CudaFeatures, units?: Units, added?: RowSum): Launch {
  const { source, norms, q, step, sum } = t;
  const cut = cutForWarps(source, vectors[source.kind]);
  const blocksAtOnce = blocksWithin(cut.rows > 1 ? ofWarps : ofBlocks, cut);
  const ofSum = added ? [{ name: 'to', at: 'row', tensor: added.to }] : [];
  const ring = rowRing(cut, [...sourceStreams(source), ...ofSum], blocksAtOnce, features);
  const rows = step.size / norms.length;
  const weights = weightsOf(t, cut);
  return {
    kernel: `quantiseRows.${source.kind}.${norms.length}${added ? '.sum' : ''}`,
    functions: rowFunctions + overRowFunctions + asyncCopies,
    body: `
  __shared__ float parts[2][${2 + norms.length}][${cut.threads / 32}];
  ${totalsOf(norms.length, cut)}
  ${eachRowOf(ring, {
    before: weights.kept,
    row: `
    ${unitOf(units)}
    ${sums(t, ring, weights.at, units, added)}
    if (turn > 0) storeTotals(row - stride, turn - 1);
    ${norms.map((_, n) => quantised(n, t, cut, weights.at)).join('\n    ')}`,
    after: 'if (turn > 0) { __syncthreads(); storeTotals(first + (turn - 1) * stride, turn - 1); }',
  })}`,
    tensors: {
      ...sourceTensors(source),
      ...Object.fromEntries(norms.map((norm, n) => [`norm${n}`, norm])),
      ...{ q, step, sum, xStep: units?.step, xScale: units?.scale, ...added },
    },
    types: { x: 'float', q: 'unsigned' },
    numbers: {
      ...{ rows, xFirst: units?.first ?? 0 },
      ...{ epsilon: { f32: linearEpsilon }, before: { f32: sourceEpsilon(source) } },
    },
    ...overCut(cut, rows, blocksAtOnce * features.processors),
    ...{ blocksAtOnce, shared: ring.shared },
  };
}

/** Vector `k` of a norm: kept for all rows of a thread if there is room. */
type WeightAt = (name: string) => string;

function weightsOf(
  { source, norms }: QuantiseRows,
  cut: RowCut,
): { readonly kept: string; readonly at: WeightAt } {
  const names = [...(source.kind === 'swiglu' ? [] : ['gamma']), ...norms.map((_, n) => `norm${n}`)];
  if (names.length * cut.loads > maxKept)
    return { kept: '', at: (name) => `__ldg((const float4*)${name} + at)` };
  const loads = names.map((name) => `${name}s[k] = ((const float4*)${name})[at];`).join(' ');
  const kept = `float4 ${names.map((name) => `${name}s[${cut.loads}]`).join(', ')}; ${eachVector(cut, loads)}`;
  return { kept, at: (name) => `${name}s[k]` };
}

/** u, and the row's factor r: see src/engine/fused/rows.ts. */
function sums(
  { source, norms }: QuantiseRows,
  ring: RowRing,
  weight: WeightAt,
  units: Units | undefined,
  added: RowSum | undefined,
): string {
  const { cut } = ring;
  const width = sourceWidth(source);
  const to = added && vectorOf(ring, sourceStreams(source).length);
  const tops = norms.map(
    (_, n) => `found[${2 + n}] = fmaxf(found[${2 + n}], largestOf(u[k] * ${weight(`norm${n}`)}));`,
  );
  return `float4 x_[${cut.loads}] = {}, u[${cut.loads}] = {};
    float found[${2 + norms.length}] = {};
    ${eachVector(
      cut,
      `${operandsOf(source, ring, units, weight('gamma'), to)} found[0] += dot(x_[k], x_[k]); found[1] += dot(u[k], u[k]);
        ${tops.join('\n        ')}
        ${added ? `storeFour(y, (size_t)row * ${cut.fours} + at, x_[k]);` : ''}`,
    )}
    overRow<2>(found, parts[turn % 2]);
    const float r0 = ${source.kind === 'swiglu' ? '1.f' : `1.f / sqrtf(found[0] / ${width}.f + before)`};
    const float r = r0 / sqrtf(r0 * r0 * found[1] / ${width}.f + epsilon);`;
}

/** The row for norm n: int8, a unit's worth, and its sum. */
function quantised(n: number, { q }: QuantiseRows, cut: RowCut, weight: WeightAt): string {
  const words = widthOf(q) / 4;
  return `{
      const float largest = fmaxf(found[${2 + n}] * r, 1e-5f), s = r * (127.f / largest);
      const unsigned to = ${n} * rows + row;
      int total = 0;
      ${eachVector(
        cut,
        `const unsigned four = roundToInt8(u[k] * ${weight(`norm${n}`)} * s);
        total = dot4((int)four, 0x01010101, total);
        q[(size_t)to * ${words} + at] = four;`,
      )}
      for (unsigned at = ${cut.fours} + lane; at < ${words}; at += ${cut.threads}) q[(size_t)to * ${words} + at] = 0;
      addTotal(${n}, row, turn, warpTotal(total));
      if (lane == 0) step[to] = largest / 127.f;
    }`;
}

/** Sums of quantised rows: a block's warps hand their parts over with the barrier of the next row. */
function totalsOf(count: number, { threads, rows }: RowCut): string {
  const warps = threads / 32;
  if (rows > 1)
    return `auto addTotal = [&](unsigned n, unsigned row, unsigned, int total) { if (threadIdx.x % 32 == 0) sum[n * rows + row] = total; };
  auto storeTotals = [](unsigned, unsigned) {};`;
  return `__shared__ int totals[2][${count}][${warps}];
  auto addTotal = [&](unsigned n, unsigned, unsigned turn, int total) { if (threadIdx.x % 32 == 0) totals[turn % 2][n][threadIdx.x / 32] = total; };
  auto storeTotals = [&](unsigned row, unsigned turn) {
    for (unsigned n = threadIdx.x / 32; n < ${count}; n += ${warps}) {
      const int total = warpTotal(threadIdx.x % 32 < ${warps} ? totals[turn % 2][n][threadIdx.x % 32] : 0);
      if (threadIdx.x % 32 == 0) sum[n * rows + row] = total;
    }
  };`;
}
