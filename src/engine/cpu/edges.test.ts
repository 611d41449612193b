/**
 * Numbers at the edges of the arithmetic that kernels share (src/kernels/cpu/math.as.ts, native/floats.h): it rounds,
 * clamps and finds maxima by the bits of floats.
 */
import { describe, expect, it } from 'vitest';
import { cpuEngines, type EngineUnderTest } from '../../../test/engines.ts';
import { bitLinear } from '../../ops/bitLinear/bitLinear.ts';
import { swiglu } from '../../ops/swiglu/swiglu.ts';
import { output, record } from '../../program/record.ts';
import { input, type Tensor } from '../../program/tensor.ts';
import { SeededRandom } from '../../text/seededRandom.ts';
import { bytesOf, readFloats } from '../engine.ts';

async function valuesOn(
  { create }: EngineUnderTest,
  operands: ReadonlyMap<Tensor, Float32Array>,
  compute: () => Tensor,
): Promise<Float32Array> {
  let y: Tensor | undefined;
  const program = record('edges', () => {
    y = output(compute());
  });
  const engine = await create();
  for (const [tensor, data] of operands) engine.write(tensor, bytesOf(data));
  await engine.load(program).run();
  const values = (await readFloats(engine, y!)).slice();
  await engine.dispose();
  return values;
}

/** SiLU(x), by SwiGLU with ones. */
function siluOn(engine: EngineUnderTest, values: Float32Array): Promise<Float32Array> {
  const x = input('x', [1, 2 * values.length]);
  const ones = new Float32Array(values.length).fill(1);
  return valuesOn(engine, new Map([[x, Float32Array.of(...values, ...ones)]]), () => swiglu(x));
}

/** Where e^−x is clamped, and where the exponent of 2 lies halfway between two integers. */
const exponents = Float32Array.from([
  ...[0, -0, 1e-30, -1e-30, 86.9, 87, 87.1, 88, 88.1, 200, 1e30, -86.9, -87, -87.1, -88, -88.1, -200],
  ...Array.from({ length: 250 }, (_, k) => (k - 125 + 0.5) * Math.LN2),
]);

describe.each(cpuEngines)('$name', (engine) => {
  it('computes e^x to 2e-7 where it is clamped and where it rounds', async () => {
    const y = await siluOn(engine, exponents);
    for (const [i, x] of exponents.entries()) {
      const expected = x / (1 + Math.exp(-Math.max(-88, x)));
      expect(Math.abs(y[i]! - expected), `SiLU(${x})`).toBeLessThanOrEqual(1e-6 * Math.abs(expected) + 1e-35);
    }
  });

  it('keeps NaN, with any payload', async () => {
    const bits = Int32Array.of(0x7fc00000, 0x7fc00001, 0x7fffffff, 0xffc00081, 0x7f800001);
    const y = await siluOn(engine, new Float32Array(bits.buffer));
    expect(y.every(Number.isNaN)).toBe(true);
  });

  it.each([1, 3, 9])('makes all products NaN of a row with NaN, and of no other: %i row(s)', async (rows) => {
    const [width, out] = [80, 12];
    const random = new SeededRandom(rows);
    const x = input('x', [rows, width]);
    const norm = input('norm', [width]);
    const weight = input('weight', [out, width]);
    const data = random.fillNormal(new Float32Array(rows * width));
    const damaged = rows - 1;
    data[damaged * width + 7] = Number.NaN;
    const operands = new Map([
      [x, data],
      [norm, new Float32Array(width).fill(1)],
      [weight, random.fillNormal(new Float32Array(out * width))],
    ]);
    const y = await valuesOn(engine, operands, () => bitLinear(x, { norm, weight }));
    expect(y.subarray(damaged * out).every(Number.isNaN)).toBe(true);
    expect(y.subarray(0, damaged * out).every(Number.isFinite)).toBe(true);
  });
});

it('has the same bits natively', async () => {
  const [relaxed, ...natives] = cpuEngines.filter(({ name }) => /, 2 threads$|native/.test(name));
  const expected = bytesOf(await siluOn(relaxed!, exponents));
  for (const native of natives) expect(bytesOf(await siluOn(native, exponents))).toEqual(expected);
});
