/**
 * Counts the multiplications that WebAssembly kernels execute: after every instruction that multiplies, the copy of a module
 * made here adds one to a counter in memory, below the module's data, where workers' instances are seen too. One thread
 * alone may work: counters are not atomic.
 */
import binaryen from 'binaryen';

/** What an instruction multiplies: how many pairs, of how many bits. */
interface Multiplication {
  readonly pairs: number;
  readonly width: Width;
}

export type Width =
  | '8-bit integers'
  | '16-bit integers'
  | '32-bit floats'
  | '64-bit floats'
  | 'scalar integers';

/** Scalar integers are addresses, counters and random numbers; vectors of 32-bit integers do not occur in products. */
const multiplications: Readonly<Record<string, Multiplication>> = {
  'i32x4.relaxed_dot_i8x16_i7x16_add_s': { pairs: 16, width: '8-bit integers' },
  'i16x8.relaxed_dot_i8x16_i7x16_s': { pairs: 16, width: '8-bit integers' },
  'i32x4.dot_i16x8_s': { pairs: 8, width: '16-bit integers' },
  'i16x8.mul': { pairs: 8, width: '16-bit integers' },
  'f32x4.relaxed_madd': { pairs: 4, width: '32-bit floats' },
  'f32x4.relaxed_nmadd': { pairs: 4, width: '32-bit floats' },
  'f32x4.mul': { pairs: 4, width: '32-bit floats' },
  'f32.mul': { pairs: 1, width: '32-bit floats' },
  'f64x2.mul': { pairs: 2, width: '64-bit floats' },
  'f64.mul': { pairs: 1, width: '64-bit floats' },
  'i32x4.mul': { pairs: 4, width: 'scalar integers' },
  'i32.mul': { pairs: 1, width: 'scalar integers' },
  'i64.mul': { pairs: 1, width: 'scalar integers' },
};

const looksLikeOne = /^[a-z0-9]+\.(?:\w*_)?(?:mul|dot|n?madd|extmul\w*)(?:_\w+)?$/;

/** Below the data, which begins at 1,024; the first bytes stay free, as null. */
const counterOf = (instruction: string) => 64 + 8 * Object.keys(multiplications).indexOf(instruction);

/** @throws if the module multiplies by an instruction that is not known here */
export function countingModule(bytes: Uint8Array): Uint8Array {
  const module = binaryen.readBinary(bytes);
  module.setFeatures(binaryen.Features.All);
  const lines = module.emitStackIR().split('\n');
  module.dispose();
  const counted = lines.flatMap((line) => {
    const [instruction = ''] = line.trim().split(/[\s()]/);
    if (!(instruction in multiplications)) {
      if (looksLikeOne.test(instruction))
        throw new Error(`kernels: found ${instruction}, which is not counted`);
      return [line];
    }
    const at = `i32.const ${counterOf(instruction)}`;
    return [line, at, at, 'i64.load', 'i64.const 1', 'i64.add', 'i64.store'];
  });
  const counting = binaryen.parseText(counted.join('\n'));
  counting.setFeatures(binaryen.Features.All);
  const made = counting.emitBinary();
  counting.dispose();
  return made;
}

export type Counts = Readonly<Record<Width, number>>;

/** Multiplications executed so far by instances that have this memory. */
export function countsOf(memory: WebAssembly.Memory): Counts {
  const counts: Record<Width, number> = {
    '8-bit integers': 0,
    '16-bit integers': 0,
    '32-bit floats': 0,
    '64-bit floats': 0,
    'scalar integers': 0,
  };
  const view = new DataView(memory.buffer);
  for (const [instruction, { pairs, width }] of Object.entries(multiplications))
    counts[width] += pairs * Number(view.getBigUint64(counterOf(instruction), true));
  return counts;
}
