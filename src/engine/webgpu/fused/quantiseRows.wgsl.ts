/** The source of several projections, with each one's RMSNorm and quantiser: int8 rows from a single read. */
import type { Dispatch, GpuFeatures } from '../../../kernels/webgpu/dispatch.ts';
import {
  activations,
  cutRow,
  eachLoad,
  overRows,
  type RowCut,
  siluFour,
} from '../../../kernels/webgpu/wgsl.ts';
import { int8Four } from '../../../ops/bitLinear/quantise.wgsl.ts';
import { epsilon as linearEpsilon } from '../../../ops/bitLinear/reference.ts';
import { widthOf } from '../../../program/shapes.ts';
import { type RowSource, sourceEpsilon, sourceTensors, sourceWidth } from '../../fused/rowSource.ts';
import type { QuantiseRows } from '../../fused/rows.ts';
import { bindsAll } from './bindsAll.ts';

/** Groups of columns that a lane holds in registers. */
const maxLoads = 16;

function tensorsOf({ source, norms, q, step, sum }: QuantiseRows) {
  return {
    ...sourceTensors(source),
    ...Object.fromEntries(norms.map((norm, n) => [`norm${n}`, norm])),
    ...{ q, step, sum },
  };
}

/** Many rows keep a GPU busy; then few lanes with much work each are fastest, because they wait less for one another. */
const cutOf = (source: RowSource) => cutRow(sourceWidth(source), 4);

export function suitsQuantising(t: QuantiseRows, features: GpuFeatures): boolean {
  const width = sourceWidth(t.source);
  return width % 4 === 0 && cutOf(t.source).loads <= maxLoads && bindsAll(tensorsOf(t), features);
}

export function quantiseRows(t: QuantiseRows): Dispatch {
  const { source, norms, q, step } = t;
  const cut = cutOf(source);
  const words = widthOf(q) / 4;
  const rows = step.size / norms.length;
  return {
    shader: `quantiseRows.${source.kind}.${norms.length}`,
    code: `${activations}${siluFour}
const lanes = ${cut.lanes}u;

${int8Four}
@compute @workgroup_size(lanes)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  for (var row = group.x; row < p.rows; row += groups.x) {
      ${Array.from({ length: cut.loads }, (_, k) => `var a${k} = vec4f();`).join(' ')}
      ${sourceRow(source, cut)}
      var squares = 0.0;
      ${eachLoad(cut, (k) => `squares += dot(a${k}, a${k});`)}
      let r = 1.0 / sqrt(workgroupSum(squares, lane) / ${sourceWidth(source)}.0 + p.epsilon);
      ${norms
        .map(
          (_, n) => `{
      var top = 0.0;
      ${eachLoad(cut, (k, at) => `top = max(top, largestOf(a${k} * r * norm${n}[${at}]));`)}
      let largest = max(workgroupMax(top, lane), 1e-5);
      let s = 127.0 / largest;
      let to = ${n}u * p.rows + row;
      var total = vec4i();
      ${eachLoad(
        cut,
        (k, at) =>
          `{ let four = rounded(a${k} * r * norm${n}[${at}] * s); total += four; q[to * ${words}u + ${at}] = packed(four); }`,
      )}
      ${words > cut.fours ? `for (var at = ${cut.fours}u + lane; at < ${words}u; at += lanes) { q[to * ${words}u + at] = 0u; }` : ''}
      let count = workgroupCount(total.x + total.y + total.z + total.w, lane);
      if (lane == 0u) {
        step[to] = largest / 127.0;
        sum[to] = count;
      }
      }`,
        )
        .join('\n      ')}
  }
}`,
    tensors: tensorsOf(t),
    types: Object.fromEntries(
      ['x', 'h', 'gamma', ...norms.map((_, n) => `norm${n}`)].map((name) => [name, 'vec4f']),
    ),
    numbers: { rows, epsilon: { f32: linearEpsilon }, before: { f32: sourceEpsilon(source) } },
    workgroups: overRows(rows),
  };
}

/** The source's row, a lane's columns of it in a0, a1, … */
function sourceRow(source: RowSource, cut: RowCut): string {
  const { fours } = cut;
  if (source.kind === 'swiglu') {
    return eachLoad(
      cut,
      (k, at) =>
        `a${k} = siluFour(x[row * ${2 * fours}u + ${at}]) * x[row * ${2 * fours}u + ${fours}u + ${at}];`,
    );
  }
  const gate = source.kind === 'gatedNorm' ? ` * siluFour(h[row * ${fours}u + at])` : '';
  return `var given = 0.0;
      ${eachLoad(cut, (k, at) => `a${k} = x[row * ${fours}u + ${at}]; given += dot(a${k}, a${k});`)}
      let r0 = 1.0 / sqrt(workgroupSum(given, lane) / ${4 * fours}.0 + p.before);
      ${eachLoad(cut, (k, at) => `{ let at = ${at}; a${k} = a${k} * r0 * gamma[at]${gate}; }`)}`;
}
