import type { Launch } from '../../kernels/cuda/launch.ts';
import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachElement, overElements } from '../../kernels/cuda/shapes.ts';
import { columnSums } from '../../kernels/cuda/sums.cuda.ts';
import type { CallOf } from '../../program/op.ts';
import { rowsOf, sequenceSizes, widthOf } from '../../program/shapes.ts';
import { tokenShiftBackwardOp, tokenShiftOp, tokenShiftSlotsOp } from './tokenShift.ts';

/** The token before the one at row `row` of a batch: the earlier row, `before`, or zeros. */
const earlier = (row: string) =>
  `(${row} % length > 0 ? x[i - width] : before ? before[${row} / length * width + c] : 0.f)`;

function tokenShiftBackward({ inputs, outputs }: CallOf<typeof tokenShiftBackwardOp>): Launch[] {
  const { x, mix, before, dy, dxBefore, dMixBefore } = inputs;
  const { length, width } = sequenceSizes('tokenShiftBackward', x);
  return [
    {
      kernel: 'tokenShiftBackward',
      body: eachElement(`
    const unsigned c = i % width, t = i / width % length;
    const float later = t + 1 < length ? dy[i + width] : 0.f;
    dx[i] = (sum ? sum[i] : 0.f) + mix[c] * dy[i] + (1.f - mix[c]) * later;
    if (t == 0) dBefore[i / width / length * width + c] = (1.f - mix[c]) * dy[i];`),
      tensors: { mix, dy, sum: dxBefore, dx: outputs.dx, dBefore: outputs.dBefore },
      numbers: { size: x.size, width, length },
      ...overElements(x.size),
    },
    ...columnSums({
      ...{ kernel: 'tokenShiftMix', rows: rowsOf(x), width },
      term: `dy[i] * (x[i] - ${earlier(`row`).replaceAll('length', `${length}u`)})`,
      tensors: { x, dy, before },
      ...{ y: outputs.dMix, before: dMixBefore },
    }),
  ];
}

export const tokenShiftOnCuda = [
  onCuda(tokenShiftOp, ({ inputs, outputs: { y } }) => {
    const { length, width } = sequenceSizes('tokenShift', y);
    return [
      {
        kernel: 'tokenShift',
        body: eachElement(`
    const unsigned c = i % width, row = i / width;
    y[i] = mix[c] * x[i] + (1.f - mix[c]) * ${earlier('row')};`),
        tensors: { ...inputs, y },
        numbers: { size: y.size, width, length },
        ...overElements(y.size),
      },
    ];
  }),
  onCuda(tokenShiftSlotsOp, ({ inputs, outputs: { y } }) => [
    {
      kernel: 'tokenShiftSlots',
      body: eachElement(`
    const unsigned c = i % width, row = i / width;
    const bool goesOn = row > 0 && slots[row - 1] == slots[row];
    y[i] = mix[c] * x[i] + (1.f - mix[c]) * (goesOn ? x[i - width] : before[slots[row] * width + c]);`),
      tensors: { ...inputs, y },
      numbers: { size: y.size, width: widthOf(y) },
      ...overElements(y.size),
    },
  ]),
  onCuda(tokenShiftBackwardOp, tokenShiftBackward),
];
