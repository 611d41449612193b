import { scratch } from '../../kernels/scratch.ts';
import { columnSums, columnTotals } from '../../kernels/webgpu/columnSums.wgsl.ts';
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { cutRow, eachColumn, eachLoad, overRows, rowKernel } from '../../kernels/webgpu/wgsl.ts';
import type { Tensors } from '../../program/op.ts';
import type { Tensor } from '../../program/tensor.ts';
import { normSizes } from './rmsNorm.ts';

/** Inside a row kernel: r = rsqrt(mean(x²) + ε) of the row. */
export const inverseRms = `
    var squares = 0.0;
    ${eachColumn('squares += x[i] * x[i];')}
    let r = 1.0 / sqrt(workgroupSum(squares, lane) / f32(p.width) + p.epsilon);`;

/** y = x·r·γ; x, y [rows, width], gamma [width]; y may be the memory of x */
export function rmsNormForward(x: Tensor, gamma: Tensor, y: Tensor, epsilon: number): Dispatch {
  const sizes = normSizes({ x, gamma });
  return {
    shader: 'rmsNormForward',
    code: rowKernel(sizes.width, `${inverseRms} ${eachColumn('y[i] = x[i] * r * gamma[c];')}`),
    tensors: { x, gamma, y },
    numbers: { ...sizes, epsilon: { f32: epsilon } },
    workgroups: overRows(sizes.rows),
  };
}

export type RmsNormBackward = Tensors<'x' | 'gamma' | 'dy' | 'dx' | 'dgamma', 'dxBefore' | 'dgammaBefore'>;

/** Minimum rows of a workgroup that sums a share in dγ, and maximum number of workgroups. */
const [minRows, maxParts] = [8, 1024];

/** dx = r·e − x·(r³·Σ(e·x)/width) with e = dy ⊙ γ, and dγ = Σ_rows dy ⊙ x·r; each added to what was before. */
export function rmsNormBackward(t: RmsNormBackward, epsilon: number): Dispatch[] {
  const { width } = normSizes(t);
  return width % 4 === 0 && width <= 4 * 256 * maxLoads ? inOnePass(t, epsilon) : inTwoPasses(t, epsilon);
}

/** Maximum groups of four columns that a lane holds in registers. */
const maxLoads = 8;

/** A workgroup processes consecutive rows and keeps its share of dγ in registers; a lane has the same columns of each. */
function inOnePass(t: RmsNormBackward, epsilon: number): Dispatch[] {
  const { rows, width } = normSizes(t);
  const cut = cutRow(width, 1);
  const { fours, lanes } = cut;
  const loads = Array.from({ length: cut.loads }, (_, k) => k);
  const parts = Math.min(Math.max(Math.ceil(rows / minRows), 1), maxParts);
  const sums = scratch('gammaParts', [parts, width]);
  const each = (body: (k: number, at: string) => string) =>
    eachLoad(cut, (k, at) => body(k, `row * p.fours + ${at}`));
  return [
    {
      shader: 'rmsNormBackward',
      code: `
const lanes = ${lanes}u;

@compute @workgroup_size(lanes)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  ${loads.map((k) => `var sum${k} = vec4f(); var g${k} = vec4f(); if (lane + ${k * lanes}u < p.fours) { g${k} = gamma[lane + ${k * lanes}u]; }`).join('\n  ')}
  for (var row = group.x; row < p.rows; row += p.parts) {
      ${loads.map((k) => `var x${k} = vec4f(); var d${k} = vec4f();`).join(' ')}
      ${each((k, at) => `x${k} = x[${at}]; d${k} = dy[${at}];`)}
      let squares = ${loads.map((k) => `dot(x${k}, x${k})`).join(' + ')};
      let products = ${loads.map((k) => `dot(d${k} * g${k}, x${k})`).join(' + ')};
      let r = 1.0 / sqrt(workgroupSum(squares, lane) / f32(p.width) + p.epsilon);
      let slope = workgroupSum(products, lane) / f32(p.width) * r * r * r;
      ${each((k, at) => `dx[${at}] = ${t.dxBefore ? `before[${at}] + ` : ''}(r * (d${k} * g${k}) - x${k} * slope);`)}
      ${loads.map((k) => `sum${k} += d${k} * x${k} * r;`).join(' ')}
  }
  ${loads.map((k) => `if (lane + ${k * lanes}u < p.fours) { sums[group.x * p.fours + lane + ${k * lanes}u] = sum${k}; }`).join('\n  ')}
}`,
      tensors: { x: t.x, gamma: t.gamma, dy: t.dy, before: t.dxBefore, dx: t.dx, sums },
      types: Object.fromEntries(['x', 'gamma', 'dy', 'before', 'dx', 'sums'].map((name) => [name, 'vec4f'])),
      numbers: { rows, width, fours, parts, epsilon: { f32: epsilon } },
      workgroups: [parts, 1, 1],
    },
    columnTotals('rmsNormBackwardGamma', sums, [{ y: t.dgamma, before: t.dgammaBefore }]),
  ];
}

/** Rows of any width. */
function inTwoPasses(t: RmsNormBackward, epsilon: number): Dispatch[] {
  const { rows, width } = normSizes(t);
  const r = scratch('inverse rms', [rows]);
  const slopes = `
    inverse[row] = r;
    var products = 0.0;
    ${eachColumn('products += dy[i] * gamma[c] * x[i];')}
    let slope = workgroupSum(products, lane) / f32(p.width) * r * r * r;`;
  const before = t.dxBefore ? 'before[i] + ' : '';
  return [
    {
      shader: 'rmsNormBackwardX',
      code: rowKernel(
        width,
        `${inverseRms} ${slopes} ${eachColumn(`dx[i] = ${before}(r * (dy[i] * gamma[c]) - x[i] * slope);`)}`,
      ),
      tensors: { x: t.x, gamma: t.gamma, dy: t.dy, before: t.dxBefore, dx: t.dx, inverse: r },
      numbers: { rows, width, epsilon: { f32: epsilon } },
      workgroups: overRows(rows),
    },
    ...columnSums({
      ...{ shader: 'rmsNormBackwardGamma', rows, width },
      term: 'dy[i] * x[i] * inverse[row]',
      tensors: { x: t.x, dy: t.dy, inverse: r },
      ...{ y: t.dgamma, before: t.dgammaBefore },
    }),
  ];
}
