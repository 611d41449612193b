import { integers, noise, opCase, testOp } from '../../../test/opSuite.ts';
import { input } from '../../program/tensor.ts';
import { embedding } from './embedding.ts';

const ids = (shape: readonly number[]) => integers('ids', shape, 3, (random) => random.integer(11));

/** All kinds of 16-bit floats but infinities and NaN: zeros, subnormals, both signs. */
function halfTable(dtype: 'f16' | 'bf16') {
  const bits = Uint16Array.from(
    { length: 11 * 20 },
    (_, i) => (i % 4 === 0 ? i >> 2 : 0x3400 + i * 37) | (i % 3 === 0 ? 0x8000 : 0),
  );
  return { tensor: input('table', [11, 20], dtype), data: bits };
}

/** Every code of a byte, and scales of all kinds, 0 among them. */
const byteTable = {
  tensor: input('table', [11, 21], 'i8'),
  data: Int8Array.from({ length: 11 * 21 }, (_, i) => i * 37 - 128),
};
const scales = noise('scales', [11], 9);
scales.data[3] = 0;

testOp('embedding', [
  ...(
    [
      [1, 1],
      [2, 9],
    ] as const
  ).flatMap((shape) =>
    [1, 6, 33].map((width) =>
      opCase(`ids [${shape}], width ${width}`, [ids(shape), noise('table', [11, width], 4)], (i, t) => [
        embedding(i!, t!),
      ]),
    ),
  ),
  opCase('a table used twice', [ids([1, 5]), noise('table', [11, 6], 4)], (i, t) => [
    embedding(i!, t!),
    embedding(i!, t!),
  ]),
  opCase('an f16 table', [ids([2, 9]), halfTable('f16')], (i, t) => [embedding(i!, t!)], {
    differentiate: [],
    tolerance: 0,
  }),
  opCase('an int8 table', [ids([3, 11]), byteTable, scales], (i, t, s) => [embedding(i!, t!, s!)], {
    differentiate: [],
  }),
  opCase('a bf16 table', [ids([2, 9]), halfTable('bf16')], (i, t) => [embedding(i!, t!)], {
    differentiate: [],
    tolerance: 0,
  }),
]);
