/** Native kernels give the bits of the WebAssembly kernels, on every variant that this processor has; AMX all but gradients. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { nativeUnderTest } from '../../../test/engines.ts';
import { kernelFields } from '../../kernels/cpu/kernelArguments.ts';
import { bitLinear } from '../../ops/bitLinear/bitLinear.ts';
import { backward } from '../../ops/gradients.ts';
import { groupedLinear } from '../../ops/groupedLinear/groupedLinear.ts';
import type { GroupedType } from '../../ops/groupedLinear/packed.ts';
import { randomMatrix } from '../../ops/groupedLinear/testing.ts';
import { linear } from '../../ops/linear/linear.ts';
import { output, record } from '../../program/record.ts';
import { input, type Tensor } from '../../program/tensor.ts';
import { SeededRandom } from '../../text/seededRandom.ts';
import { bytesOf, readFloats } from '../engine.ts';
import { CpuEngine, type CpuOptions } from './cpuEngine.ts';

/** Rows below and above what each variant takes at a time; widths and outputs that end within vectors, tiles and blocks. */
const shapes: readonly (readonly [rows: number, width: number, out: number])[] = [
  [1, 64, 64],
  [1, 200, 70],
  [3, 48, 130],
  [8, 1030, 75],
  [33, 65, 257],
  [70, 512, 40],
  [520, 70, 1088],
  [40, 520, 1088],
];

/** Results and gradients of a projection of [rows, width] to [out], all of them. */
async function projection(
  project: (x: Tensor, weight: Tensor, norm: Tensor) => Tensor,
  [rows, width, out]: (typeof shapes)[number],
  options: CpuOptions,
): Promise<Float32Array[]> {
  const [x, weight, norm] = [input('x', [rows, width]), input('w', [out, width]), input('norm', [width])];
  const dy = input('dy', [rows, out]);
  let results: Tensor[] = [];
  const program = record('projection', () => {
    const y = output(project(x, weight, norm));
    const gradients = backward(new Map([[y, dy]]), [x, weight]);
    results = [y, ...[...gradients.values()].map(output)];
  });
  const engine = await CpuEngine.create({ threads: 2, pieceWork: 1, poison: true, ...options });
  const random = new SeededRandom(3);
  for (const tensor of [x, weight, norm, dy])
    engine.write(tensor, bytesOf(random.fillNormal(new Float32Array(tensor.size))));
  await engine.load(program).run();
  const values: Float32Array[] = [];
  for (const result of results) values.push((await readFloats(engine, result)).slice());
  await engine.dispose();
  return values;
}

/** Tiles of AMX round gradients to bf16: by a 512th at most, which partly cancels in sums. */
function expectClose(found: Float32Array, expected: Float32Array): void {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const off = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i]!)), 0);
  expect(off).toBeLessThan(largest / 256);
}

const projections = {
  bitLinear: (x: Tensor, weight: Tensor, norm: Tensor) => bitLinear(x, { norm, weight }),
  linear: (x: Tensor, weight: Tensor) => linear(x, weight),
};

/** Single and several rows, groups below and above a block of activations, last tiles with fewer lanes. */
const groupedShapes: readonly (readonly [rows: number, width: number, group: number, out: number])[] = [
  [1, 96, 16, 33],
  [1, 512, 128, 200],
  [9, 192, 64, 95],
  [270, 256, 256, 64],
];
const groupedCases = (['ternary', 'binary', 'u4', 'i8'] as const).flatMap((type) =>
  groupedShapes
    .filter(([, , group]) => type !== 'u4' || group >= 32)
    .map((shape) => [type, ...shape] as const),
);

async function grouped(
  [type, rows, width, group, out]: readonly [GroupedType, number, number, number, number],
  native: CpuOptions['native'],
): Promise<Float32Array> {
  const matrix = randomMatrix(type, out, width, group);
  const [codes, scales] = matrix.map(({ tensor }) => tensor) as [Tensor, Tensor];
  const [x, bias] = [input('x', [rows, width]), input('bias', [out])];
  const offsets = type === 'u4' || type === 'i8' ? input('offsets', scales.shape) : undefined;
  let y: Tensor | undefined;
  const program = record('grouped', () => {
    y = output(groupedLinear(x, { codes, scales, offsets, bias }));
  });
  const engine = await CpuEngine.create({ threads: 2, pieceWork: 1, poison: true, native });
  const random = new SeededRandom(5);
  for (const { tensor, data } of matrix) engine.write(tensor, bytesOf(data));
  for (const tensor of [x, bias, ...(offsets ? [offsets] : [])])
    engine.write(tensor, bytesOf(random.fillNormal(new Float32Array(tensor.size))));
  await engine.load(program).run();
  const values = (await readFloats(engine, y!)).slice();
  await engine.dispose();
  return values;
}

/** Few and many rows; widths past a block of depth; outputs and widths that end within vectors. */
const storedCases = (['f32', 'f16', 'bf16', 'i8'] as const).flatMap((dtype) =>
  [
    [1, 300, 70],
    [3, 47, 33],
    [9, 300, 70],
  ].map(([rows, width, out]) => [dtype, rows!, width!, out!] as const),
);

/** y of a linear layer whose weights are stored as `dtype`; subnormal and large values among those in 16 bits. */
async function stored(
  [dtype, rows, width, out]: (typeof storedCases)[number],
  native: CpuOptions['native'],
): Promise<Float32Array> {
  const [x, weight] = [input('x', [rows, width]), input('weight', [out, width], dtype)];
  const scales = dtype === 'i8' ? input('scales', [out]) : undefined;
  let y: Tensor | undefined;
  const program = record('stored', () => {
    y = output(linear(x, weight, scales));
  });
  const engine = await CpuEngine.create({ threads: 2, pieceWork: 1, poison: true, native });
  const random = new SeededRandom(6);
  for (const tensor of scales ? [x, scales] : [x])
    engine.write(tensor, bytesOf(random.fillNormal(new Float32Array(tensor.size))));
  const size = { f32: 4, f16: 2, bf16: 2, i8: 1 }[dtype];
  const bytes = Uint8Array.from({ length: size * weight.size }, () => random.integer(256));
  // Neither infinities nor NaN: the highest bit of the exponent is off.
  if (size > 1) for (let at = size - 1; at < bytes.length; at += size) bytes[at]! &= 0xbf;
  engine.write(weight, bytes);
  await engine.load(program).run();
  const values = (await readFloats(engine, y!)).slice();
  await engine.dispose();
  return values;
}

describe.each(nativeUnderTest)('native kernels, %s', (native) => {
  for (const [name, project] of Object.entries(projections)) {
    it.each(shapes)(`${name} of ${'%i × %i → %i'} gives the same bits`, async (...shape) => {
      const [y, ...gradients] = await projection(project, shape, { native: false });
      const [nativeY, ...nativeGradients] = await projection(project, shape, { native });
      expect(nativeY).toEqual(y);
      if (native !== 'AMX') expect(nativeGradients).toEqual(gradients);
      for (const [index, gradient] of gradients.entries()) expectClose(nativeGradients[index]!, gradient);
    });
  }

  it.each(storedCases)('linear with %s weights, %i × %i → %i, gives the same bits', async (...shape) => {
    const values = await stored(shape, native);
    expect(values.every(Number.isFinite)).toBe(true);
    expect(values).toEqual(await stored(shape, false));
  });

  it.each(groupedCases)('%s codes, %i × %i in groups of %i → %i give the same bits', async (...shape) => {
    expect(await grouped(shape, native)).toEqual(await grouped(shape, false));
  });
});

/** Structures of the native kernels, and kernels that take them. */
const structures = {
  Product: 'ternaryProduct',
  Grouped: 'groupedProduct',
  PagedAttention: 'pagedAttention',
  Gemm: 'linearForward',
  Swiglu: 'swigluForward',
  SwigluBackward: 'swigluBackward',
  QuantiseActivations: 'quantiseActivations',
  PackWeights: 'packWeights',
  Mlgru: 'mlgruForward',
  MlgruBackward: 'mlgruBackward',
  MlgruSlots: 'mlgruSlotsForward',
  GatedNorm: 'gatedNormForward',
  GatedNormBackward: 'gatedNormBackward',
  RmsNorm: 'rmsNormForward',
  GatedUnit: 'gatedUnitForward',
  RoundRows: 'roundRows',
  RmsNormBackwardX: 'rmsNormBackwardX',
  CrossEntropyRows: 'crossEntropyRows',
  CrossEntropyBackward: 'crossEntropyBackward',
  SampleRows: 'sampleRows',
} as const;

it('takes the arguments that the kernels take', async () => {
  const folder = new URL('../../../native/', import.meta.url);
  const headers = ['plusminus.h', 'rows.h'].map((name) => readFile(new URL(name, folder), 'utf8'));
  const text = (await Promise.all(headers)).join('\n');
  const found = [...text.matchAll(/typedef struct \{([^}]*)\} (\w+);/g)].map(([, body, name]) => [
    name!,
    [...body!.matchAll(/(\w+);/g)].map(([, field]) => field),
  ]);
  const expected = Object.entries(structures).map(([name, kernel]) => [
    name,
    Object.keys(kernelFields[kernel]),
  ]);
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected));
});

it('refuses a variant that this machine lacks', async () => {
  await expect(CpuEngine.create({ threads: 1, native: 'abacus' })).rejects.toThrow(
    /native kernels: found abacus, expected one of off/,
  );
});
