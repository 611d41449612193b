import type { Dispatch } from '../../program/op.ts';
import type { Tensor } from '../../program/tensor.ts';
import { columnSums } from '../columnSums.wgsl.ts';
import { rowsOf, widthOf } from '../shapes.ts';
import { eachColumn, overRows, rowKernel } from '../wgsl.ts';

/** Inside a row kernel: r = rsqrt(mean(x²) + ε) of the row. */
export const inverseRms = `
    var squares = 0.0;
    ${eachColumn('squares += x[i] * x[i];')}
    let r = 1.0 / sqrt(workgroupSum(squares, lane) / f32(p.width) + p.epsilon);`;

/** y = x·r·γ; x, y [rows, width], gamma [width]; y may be the memory of x */
export function rmsNormForward(x: Tensor, gamma: Tensor, y: Tensor, epsilon: number): Dispatch {
  return {
    shader: 'rmsNormForward',
    code: rowKernel(widthOf(x), `${inverseRms} ${eachColumn('y[i] = x[i] * r * gamma[c];')}`),
    tensors: { x, gamma, y },
    numbers: { rows: rowsOf(x), width: widthOf(x), epsilon: { f32: epsilon } },
    workgroups: overRows(rowsOf(x)),
  };
}

export interface RmsNormBackward {
  readonly x: Tensor;
  readonly gamma: Tensor;
  readonly dy: Tensor;
  readonly dxBefore: Tensor | undefined;
  readonly dgammaBefore: Tensor | undefined;
  readonly dx: Tensor;
  readonly dgamma: Tensor;
  /** Scratch [rows]: the inverse rms. */
  readonly r: Tensor;
}

/** dx = r·e − x·(r³·Σ(e·x)/width) with e = dy ⊙ γ, then dγ = Σ_rows dy ⊙ x·r; each added to what was before. */
export function rmsNormBackward(t: RmsNormBackward, epsilon: number): Dispatch[] {
  const [rows, width] = [rowsOf(t.x), widthOf(t.x)];
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
      tensors: { x: t.x, gamma: t.gamma, dy: t.dy, before: t.dxBefore, dx: t.dx, inverse: t.r },
      numbers: { rows, width, epsilon: { f32: epsilon } },
      workgroups: overRows(rows),
    },
    ...columnSums({
      ...{ shader: 'rmsNormBackwardGamma', rows, width },
      term: 'dy[i] * x[i] * inverse[row]',
      tensors: { x: t.x, dy: t.dy, inverse: t.r },
      ...{ y: t.dgamma, before: t.dgammaBefore },
    }),
  ];
}
