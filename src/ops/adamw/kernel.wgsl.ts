import { scratch } from '../../kernels/scratch.ts';
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { partialSums, sumParts, totalOfParts } from '../../kernels/webgpu/sums.wgsl.ts';
import { elementKernel, overElements, overRows, rowKernel } from '../../kernels/webgpu/wgsl.ts';
import type { Tensor } from '../../program/tensor.ts';

/** One step on `size` elements; settings [8] as `settingsVector` orders them, clip [2]: norm, coefficient. */
export function adamwStep(
  t: Record<'w' | 'm' | 'v' | 'g' | 'settings' | 'clip' | 'nextW' | 'nextM' | 'nextV', Tensor>,
  decay: number,
): Dispatch {
  return {
    shader: 'adamw',
    code: elementKernel(`
      let rate = settings[0];
      let gradient = g[i] * clip[1];
      let mean = settings[1] * m[i] + (1.0 - settings[1]) * gradient;
      let square = settings[2] * v[i] + (1.0 - settings[2]) * (gradient * gradient);
      let root = sqrt(square) / sqrt(settings[5]) + settings[3];
      nextW[i] = w[i] * (1.0 - rate * p.decay) - rate / settings[4] * mean / root;
      nextM[i] = mean;
      nextV[i] = square;`),
    tensors: { ...t },
    numbers: { size: t.w.size, decay: { f32: decay } },
    workgroups: overElements(t.w.size),
  };
}

/** squares [1] = Σ x² over all elements of all tensors */
export function sumOfSquares(tensors: readonly Tensor[], squares: Tensor): Dispatch[] {
  const all = tensors.reduce((sum, x) => sum + sumParts(x), 0);
  const parts = scratch('squares.parts', [all]);
  let first = 0;
  return [
    ...tensors.map((x) => {
      const dispatch = partialSums('sumOfSquares', x, 'x[i] * x[i]', parts, first);
      first += sumParts(x);
      return dispatch;
    }),
    {
      shader: 'sumOfSquaresTotal',
      code: rowKernel(all, `${totalOfParts} if (lane == 0u) { squares[0] = total; }`),
      tensors: { parts, squares },
      numbers: { rows: 1, parts: all },
      workgroups: overRows(1),
    },
  ];
}

export function clipCoefficient(squares: Tensor, settings: Tensor, clip: Tensor): Dispatch {
  return {
    shader: 'clipCoefficient',
    // Written so that a NaN norm gives a NaN coefficient: a broken step must not look like a step.
    code: `
@compute @workgroup_size(1)
fn main() {
  let norm = sqrt(squares[0]);
  let ratio = settings[6] / (norm + 1e-6);
  clip[0] = norm;
  clip[1] = select(ratio, 1.0, ratio > 1.0);
}`,
    tensors: { squares, settings, clip },
    numbers: {},
    workgroups: [1, 1, 1],
  };
}
