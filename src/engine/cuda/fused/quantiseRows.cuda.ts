/** The source of several projections, each one's RMSNorm and quantiser: int8 rows from one reading. */
import type { Launch } from '../../../kernels/cuda/launch.ts';
import { epsilon as linearEpsilon } from '../../../ops/bitLinear/reference.ts';
import type { Units } from '../../../ops/mlgru/kernel.cuda.ts';
import { widthOf } from '../../../program/shapes.ts';
import type { QuantiseRows } from '../../webgpu/fused/quantiseRows.wgsl.ts';
import { sourceEpsilon, sourceTensors, sourceWidth } from '../../webgpu/fused/rowSource.ts';
import { cutOf, eachVector, operandsOf, overCut, rowFunctions, unitOf } from './rows.cuda.ts';

/** @param units of x, if it is int32 sums */
export function quantiseRows(t: QuantiseRows, units?: Units): Launch {
  const { source, norms, q, step, sum } = t;
  const width = sourceWidth(source);
  const cut = cutOf(source, 2);
  const words = widthOf(q) / 4;
  const rows = step.size / norms.length;
  const ofNorm = (n: number) => `{
      float top = 0.f;
      ${eachVector(cut, `top = fmaxf(top, largestOf(u[k] * ((const float4*)norm${n})[at]));`)}
      const float largest = fmaxf(blockMax(top) * r, 1e-5f), s = r * (127.f / largest);
      const unsigned to = ${n} * rows + row;
      int total = 0;
      ${eachVector(
        cut,
        `const float4 value = u[k] * ((const float4*)norm${n})[at] * s;
        const int a = toInt8(value.x), b = toInt8(value.y), c = toInt8(value.z), d = toInt8(value.w);
        total += a + b + c + d;
        q[(size_t)to * ${words} + at] = packInt8(a, b, c, d);`,
      )}
      for (unsigned at = ${cut.fours} + threadIdx.x; at < ${words}; at += ${cut.threads}) q[(size_t)to * ${words} + at] = 0;
      total = blockSum(total);
      if (threadIdx.x == 0) { step[to] = largest / 127.f; sum[to] = total; }
    }`;
  return {
    kernel: `quantiseRows.${source.kind}.${norms.length}`,
    functions: rowFunctions,
    body: `
  const unsigned row = blockIdx.x;
  ${unitOf(units)}
  float4 x_[${cut.loads}] = {}, u[${cut.loads}] = {};
  float given = 0.f, squares = 0.f;
  ${eachVector(cut, `${operandsOf(source, cut, units)} given += dot(x_[k], x_[k]); squares += dot(u[k], u[k]);`)}
  const float r0 = ${source.kind === 'swiglu' ? '1.f' : `1.f / sqrtf(blockSum(given) / ${width}.f + before)`};
  const float r = r0 / sqrtf(r0 * r0 * blockSum(squares) / ${width}.f + epsilon);
  ${norms.map((_, n) => ofNorm(n)).join('\n  ')}`,
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
    ...overCut(cut, rows),
  };
}
