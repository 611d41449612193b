import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachColumn, eachElement, eachRow, overElements, overRows } from '../../kernels/cuda/shapes.ts';
import { partialSums, sumParts, totalOfParts } from '../../kernels/cuda/sums.cuda.ts';
import { scratch } from '../../kernels/scratch.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import { fakeQuantiseGroupsOp, fakeQuantiseMatrixOp, fakeQuantiseRowsOp } from './fakeQuantise.ts';

export const fakeQuantiseOnCuda = [
  onCuda(fakeQuantiseRowsOp, ({ inputs: { x }, outputs: { y } }) => [
    {
      kernel: 'fakeQuantiseRows',
      body: eachRow(`
    float top = 0.f;
    ${eachColumn('top = fmaxf(top, fabsf(x[i]));')}
    const float largest = fmaxf(blockMax(top), 1e-5f), s = 127.f / largest, step = largest / 127.f;
    ${eachColumn('y[i] = toInt8(x[i] * s) * step;')}`),
      tensors: { x, y },
      numbers: { rows: rowsOf(x), width: widthOf(x) },
      ...overRows(rowsOf(x), widthOf(x)),
    },
  ]),
  onCuda(fakeQuantiseGroupsOp, ({ inputs: { x }, outputs: { y }, attributes: { group } }) => [
    {
      kernel: 'fakeQuantiseGroups',
      body: eachRow(`
    float sum = 0.f;
    ${eachColumn('sum += fabsf(x[i]);')}
    const float scale = fmaxf(blockSum(sum) / width, 1e-5f), half = 0.5f * scale;
    ${eachColumn('y[i] = x[i] > half ? scale : x[i] < -half ? -scale : 0.f;')}`),
      tensors: { x, y },
      numbers: { rows: x.size / group, width: group },
      ...overRows(x.size / group, group),
    },
  ]),
  onCuda(fakeQuantiseMatrixOp, ({ inputs: { x }, outputs: { y } }) => {
    const parts = scratch('scale.parts', [sumParts(x)]);
    return [
      partialSums('absoluteSum', x, (x) => `fabsf(${x})`, parts),
      {
        kernel: 'fakeQuantiseMatrix',
        body: `${totalOfParts}
    const float scale = fmaxf(total / elements, 1e-5f), half = 0.5f * scale;
    ${eachElement('y[i] = x[i] > half ? scale : x[i] < -half ? -scale : 0.f;')}`,
        tensors: { x, parts, y },
        numbers: { size: x.size, count: parts.size, elements: { f32: x.size } },
        ...overElements(x.size),
      },
    ];
  }),
];
