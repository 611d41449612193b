/** The source of several projections, each one's RMSNorm and quantiser: int8 rows from one reading. */
import type { CudaFeatures, Launch } from '../../../kernels/cuda/launch.ts';
import { epsilon as linearEpsilon } from '../../../ops/bitLinear/reference.ts';
import type { Units } from '../../../ops/bitLinear/units.ts';
import { widthOf } from '../../../program/shapes.ts';
import { sourceEpsilon, sourceTensors, sourceWidth } from '../../fused/rowSource.ts';
import type { QuantiseRows } from '../../fused/rows.ts';
import {
  ahead,
  blocksWithin,
  cutForWarps,
  eachRowOf,
  eachVector,
  ofRow,
  operandsOf,
  overCut,
  rowFunctions,
  unitOf,
} from './rows.cuda.ts';

/** @param units of x, if it is int32 sums */
export function quantiseRows(t: QuantiseRows, { processors }: CudaFeatures, units?: Units): Launch {
  const { source, norms, q, step, sum } = t;
  const width = sourceWidth(source);
  const cut = cutForWarps(source, 2);
  const blocksAtOnce = blocksWithin(cut.rows > 1 ? 512 : 1056, cut);
  const words = widthOf(q) / 4;
  const rows = step.size / norms.length;
  const eachNorm = (body: (n: number) => string) => norms.map((_, n) => body(n)).join('\n  ');
  return {
    kernel: `quantiseRows.${source.kind}.${norms.length}`,
    functions: rowFunctions,
    body: eachRowOf(
      cut,
      `
    if (later < rows) ${eachVector(cut, ahead(source, cut))}
    ${unitOf(units)}
    float4 x_[${cut.loads}] = {}, u[${cut.loads}] = {};
    float found[2] = {}, tops[${norms.length}] = {};
    ${eachVector(
      cut,
      `${operandsOf(source, cut, units)} found[0] += dot(x_[k], x_[k]); found[1] += dot(u[k], u[k]);
        ${eachNorm((n) => `tops[${n}] = fmaxf(tops[${n}], largestOf(u[k] * ((const float4*)norm${n})[at]));`)}`,
    )}
    ${cut.rows > 1 ? 'found[0] = warpSum(found[0]); found[1] = warpSum(found[1]);' : 'blockSums(found);'}
    const float r0 = ${source.kind === 'swiglu' ? '1.f' : `1.f / sqrtf(found[0] / ${width}.f + before)`};
    const float r = r0 / sqrtf(r0 * r0 * found[1] / ${width}.f + epsilon);
    ${eachNorm(
      (n) => `{
      const float largest = fmaxf(${ofRow(cut, 'Max', `tops[${n}]`)} * r, 1e-5f), s = r * (127.f / largest);
      const unsigned to = ${n} * rows + row;
      int total = 0;
      ${eachVector(
        cut,
        `const unsigned four = roundToInt8(u[k] * ((const float4*)norm${n})[at] * s);
        total = __dp4a((int)four, 0x01010101, total);
        q[(size_t)to * ${words} + at] = four;`,
      )}
      for (unsigned at = ${cut.fours} + lane; at < ${words}; at += ${cut.threads}) q[(size_t)to * ${words} + at] = 0;
      total = ${ofRow(cut, 'Sum', 'total')};
      if (lane == 0) { step[to] = largest / 127.f; sum[to] = total; }
    }`,
    )}`,
    ),
    tensors: {
      ...sourceTensors(source),
      ...Object.fromEntries(norms.map((norm, n) => [`norm${n}`, norm])),
      ...{ q, step, sum, xStep: units?.step, xScale: units?.scale },
    },
    types: { x: 'float', q: 'unsigned' },
    numbers: {
      rows,
      xFirst: units?.first ?? 0,
      epsilon: { f32: linearEpsilon },
      before: { f32: sourceEpsilon(source) },
    },
    ...overCut(cut, rows, blocksAtOnce * processors),
    blocksAtOnce,
  };
}
