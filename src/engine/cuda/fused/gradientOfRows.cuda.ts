/**
 * Backward through the RMSNorms of several projections and through their common source at once; the formulas are those of
 * src/engine/fused/rows.ts. A block takes every so many rows, and keeps its shares in the norms'
 * gradients in registers: a thread has the same columns of each row.
 */
import { asyncCopies } from '../../../kernels/cuda/asyncCopies.cuda.ts';
import type { CudaFeatures, Launch } from '../../../kernels/cuda/launch.ts';
import { columnTotals } from '../../../kernels/cuda/sums.cuda.ts';
import { scratch } from '../../../kernels/scratch.ts';
import { epsilon as linearEpsilon } from '../../../ops/bitLinear/reference.ts';
import type { Units } from '../../../ops/bitLinear/units.ts';
import { rowsOf } from '../../../program/shapes.ts';
import type { Tensor } from '../../../program/tensor.ts';
import { sourceEpsilon, sourceTensors, sourceWidth } from '../../fused/rowSource.ts';
import type { GradientOfRows } from '../../fused/rows.ts';
import { overRowFunctions } from './overRow.cuda.ts';
import { blocksWithin, cutOf, eachVector, overCut } from './rowCut.ts';
import { eachRowOf, type RowRing, rowRing, sourceStreams, vectorOf } from './rowRing.cuda.ts';
import { operandsOf, readX, rowFunctions, unitOf } from './rows.cuda.ts';

/** Vectors of a thread, and threads of a processor: as many as have registers enough. */
const cuts = { rmsNorm: [1, 1024], gatedNorm: [1, 1024], swiglu: [2, 704] } as const;

/** dx in bf16 too, for the product that takes it. */
export interface HalvedGradientOfRows extends GradientOfRows {
  readonly half?: Tensor | undefined;
}

/** @param units of x, if it is int32 sums; dx may be the memory of x all the same */
export function gradientOfRows(t: HalvedGradientOfRows, features: CudaFeatures, units?: Units): Launch[] {
  const { source, norms, dys, dx, dh } = t;
  const width = sourceWidth(source);
  const rows = rowsOf(source.x);
  const [each, threads] = cuts[source.kind];
  const cut = cutOf(source, each);
  const blocksAtOnce = blocksWithin(threads, cut);
  const parts = Math.min(rows, blocksAtOnce * features.processors);
  const sums = t.dgamma ? [...t.dnorms, t.dgamma] : [...t.dnorms];
  const partial = scratch('partsOfSums', [sums.length, parts, width]);
  const projections = norms.map((_, n) => n);
  const ofSource = sourceStreams(source);
  const ofGradients = dys.map((tensor, n) => ({ name: `dy${n}`, at: 'row', tensor }));
  // A sum of two rows for each of the source's is read when it is needed.
  const ofSum = dx.before && source.kind !== 'swiglu' ? [{ name: 'sum', at: 'row', tensor: dx.before }] : [];
  const ring = rowRing(cut, [...ofSource, ...ofGradients, ...ofSum], blocksAtOnce, features);
  const dy = (n: number) => vectorOf(ring, ofSource.length + n);
  return [
    {
      kernel: `gradientOfRows.${source.kind}.${norms.length}`,
      functions: rowFunctions + overRowFunctions + asyncCopies,
      body: `
  __shared__ float partsOfRows[2][3][${cut.threads / 32}];
  float4 sums[${sums.length}][${cut.loads}] = {};
  ${eachRowOf(ring, {
    row: `
    ${unitOf(units)}
    float4 x_[${cut.loads}] = {}, u[${cut.loads}] = {}, e[${cut.loads}] = {}, d[${norms.length}][${cut.loads}] = {};
    float found[3] = {};
    ${eachVector(
      cut,
      `${operandsOf(source, ring, units, '((const float4*)gamma)[at]')}
        ${projections.map((n) => `d[${n}][k] = ${dy(n)}; e[k] = e[k] + d[${n}][k] * ((const float4*)norm${n})[at];`).join('\n        ')}
        found[0] += dot(x_[k], x_[k]); found[1] += dot(u[k], u[k]); found[2] += dot(e[k], u[k]);`,
    )}
    overRow<3>(found, partsOfRows[turn % 2]);
    const float r0 = ${source.kind === 'swiglu' ? '1.f' : `1.f / sqrtf(found[0] / ${width}.f + before)`};
    const float r1 = 1.f / sqrtf(r0 * r0 * found[1] / ${width}.f + epsilon);
    const float slope = r1 * r1 * r1 * found[2] / ${width}.f;
    ${eachVector(
      cut,
      `const float4 a = u[k] * r0, da = e[k] * r1 + a * (-r0 * slope);
        ${projections.map((n) => `sums[${n}][k] = sums[${n}][k] + d[${n}][k] * a * r1;`).join(' ')}
        ${results(t, ring, units)}`,
    )}`,
    after: eachVector(
      cut,
      `for (int s = 0; s < ${sums.length}; s++) storeFour(partial, (size_t)(s * parts + blockIdx.x) * ${cut.fours} + at, sums[s][k]);`,
    ),
  })}`,
      tensors: {
        ...sourceTensors(source),
        ...Object.fromEntries(norms.map((norm, n) => [`norm${n}`, norm])),
        ...Object.fromEntries(dys.map((one, n) => [`dy${n}`, one])),
        ...{ sum: dx.before, dx: dx.y, half: t.half, dh, partial, xStep: units?.step, xScale: units?.scale },
      },
      types: { x: 'float' },
      numbers: {
        ...{ rows, parts, xFirst: units?.first ?? 0 },
        ...{ epsilon: { f32: linearEpsilon }, before: { f32: sourceEpsilon(source) } },
      },
      ...overCut(cut, parts, parts),
      ...{ blocksAtOnce, shared: ring.shared },
    },
    columnTotals('gradientOfNorm', partial, sums),
  ];
}

/** How da, a vector of the gradient of the source's result, is used. */
function results(
  { source, norms, dys, dx, half }: HalvedGradientOfRows,
  ring: RowRing,
  units: Units | undefined,
): string {
  const { fours } = ring.cut;
  const streams = sourceStreams(source).length;
  const sum = (row: string) =>
    source.kind === 'swiglu'
      ? `((const float4*)sum)[(size_t)(${row}) * ${fours} + at]`
      : vectorOf(ring, streams + dys.length);
  const write = (row: string, value: string) =>
    `{ const float4 stored = ${dx.before ? `${sum(row)} + ` : ''}${value};
          storeFour(dx, (size_t)(${row}) * ${fours} + at, stored);${half ? ` storeFour(half, (size_t)(${row}) * ${fours} + at, stored);` : ''} }`;
  const ofSource = `sums[${norms.length}][k]`;
  const throughNorm = (w: string) =>
    write('row', `da * ${w} * r0 + x_[k] * (-r0 * r0 * r0 * epsilon * slope)`);
  switch (source.kind) {
    case 'rmsNorm':
      return `${ofSource} = ${ofSource} + da * x_[k] * r0;
        ${throughNorm('((const float4*)gamma)[at]')}`;
    case 'gatedNorm':
      return `const float4 state = ${vectorOf(ring, 1)}, s = sigmoid(state), gate = state * s;
        const float4 weight = ((const float4*)gamma)[at], normed = da * x_[k] * r0;
        ${ofSource} = ${ofSource} + normed * gate;
        ${throughNorm('(weight * gate)')}
        storeFour(dh, (size_t)row * ${fours} + at, normed * weight * siluSlope(state, s));`;
    case 'swiglu':
      return `const float4 s = sigmoid(x_[k]), value = ${readX(ring, 1, units)};
        ${write('2 * row', 'da * value * siluSlope(x_[k], s)')}
        ${write('2 * row + 1', 'da * (x_[k] * s)')}`;
  }
}
