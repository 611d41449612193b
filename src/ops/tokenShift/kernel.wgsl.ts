import { columnSums } from '../../kernels/webgpu/columnSums.wgsl.ts';
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { elementKernel, overElements } from '../../kernels/webgpu/wgsl.ts';
import { rowsOf, sizeOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';

type Optional = Tensor | undefined;

/** x, y [batch, length, width], mix [width], before [batch, 1, width] */
export function tokenShiftForward(t: Record<'x' | 'mix' | 'y', Tensor> & { before: Optional }): Dispatch {
  return {
    shader: 'tokenShiftForward',
    code: elementKernel(`
      let c = i % p.width;
      let token = i / p.width;
      let earlier = ${earlierElement(t.before, 'token', 'p.length')};
      ${mixed}`),
    tensors: t,
    numbers: { size: t.x.size, width: widthOf(t.x), length: sizeOf(t.x, 1) },
    workgroups: overElements(t.x.size),
  };
}

const mixed = 'y[i] = earlier + mix[c] * (x[i] - earlier);';

/** x, y [rows, width], mix [width], slots [rows], before [count, 1, width] */
export function tokenShiftSlotsForward(t: Record<'x' | 'mix' | 'slots' | 'before' | 'y', Tensor>): Dispatch {
  return {
    shader: 'tokenShiftSlots',
    code: elementKernel(`
      let c = i % p.width;
      let row = i / p.width;
      let slot = slots[row];
      let goesOn = row > 0u && slots[max(row, 1u) - 1u] == slot;
      let earlier = select(before[u32(slot) * p.width + c], x[max(i, p.width) - p.width], goesOn);
      ${mixed}`),
    tensors: t,
    numbers: { size: t.x.size, width: widthOf(t.x) },
    workgroups: overElements(t.x.size),
  };
}

/** WGSL of the element before element i, for column c and the given token, in sequences of `length` tokens. */
const earlierElement = (before: Optional, token: string, length: string) =>
  `select(${before ? `before[${token} / ${length} * p.width + c]` : '0.0'}, x[max(i, p.width) - p.width], ${token} % ${length} > 0u)`;

/** dx and dMix may be the tensors that they are added to. */
export function tokenShiftBackward(
  t: Record<'x' | 'mix' | 'dy' | 'dx' | 'dMix' | 'dBefore', Tensor> &
    Record<'before' | 'dxBefore' | 'dMixBefore', Optional>,
): Dispatch[] {
  const { x, mix, before, dy, dxBefore, dx, dBefore } = t;
  const [width, length] = [widthOf(x), sizeOf(x, 1)];
  const sum = dxBefore ? 'dxBefore[i] + ' : '';
  return [
    {
      shader: 'tokenShiftBackward',
      code: elementKernel(`
      let c = i % p.width;
      let token = i / p.width;
      let rest = 1.0 - mix[c];
      var d = mix[c] * dy[i];
      if ((token + 1u) % p.length > 0u) { d += rest * dy[i + p.width]; }
      dx[i] = ${sum}d;
      if (token % p.length == 0u) { dBefore[token / p.length * p.width + c] = rest * dy[i]; }`),
      tensors: { mix, dy, dxBefore, dx, dBefore },
      numbers: { size: x.size, width, length },
      workgroups: overElements(x.size),
    },
    ...columnSums({
      ...{ shader: 'tokenShiftBackwardMix', rows: rowsOf(x), width },
      term: `dy[i] * (x[i] - ${earlierElement(before, 'row', `${length}u`)})`,
      ...{ tensors: { x, before, dy }, y: t.dMix, before: t.dMixBefore },
    }),
  ];
}
