import { f32ToF16 } from '../../checkpoint/floats.ts';
import { input } from '../../program/tensor.ts';
import { SeededRandom } from '../../text/seededRandom.ts';
import { emptyCodes, type GroupedType, packCodes, packScales } from './packed.ts';

/** A random matrix: codes of the whole range, scales of both signs. */
export function randomMatrix(type: GroupedType, out: number, width: number, group: number, halves = true) {
  const random = new SeededRandom(out + width);
  const shape = [out, width];
  const draw = {
    ternary: () => random.integer(3) - 1,
    binary: () => 2 * random.integer(2) - 1,
    u4: () => random.integer(16),
    i8: () => random.integer(256) - 128,
  };
  const codes = Int8Array.from({ length: out * width }, draw[type]);
  const packed = emptyCodes(type, shape);
  packCodes(type, shape, codes, 0, packed);
  const groups = width / group;
  const floats = random.fillNormal(new Float32Array(out * groups), 0.1);
  const scales = halves ? f32ToF16(floats, new Uint16Array(floats.length)) : floats;
  const placed = scales.slice();
  packScales(type, [out, groups], scales, 0, placed);
  return [
    { tensor: input('codes', shape, type), data: packed },
    { tensor: input('scales', [out, groups], halves ? 'f16' : 'f32'), data: placed },
  ];
}
