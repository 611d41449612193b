/**
 * One suite for every op on every engine: forward and backward against the reference engine on the case's
 * data, with temporaries pre-filled with NaN; gradients of the reference against finite differences.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CpuEngine } from '../src/engine/cpu/cpuEngine.ts';
import { CudaEngine } from '../src/engine/cuda/cudaEngine.ts';
import { bytesOf, type Engine, readFloats } from '../src/engine/engine.ts';
import { ReferenceEngine } from '../src/engine/reference/referenceEngine.ts';
import { WebGpuEngine } from '../src/engine/webgpu/webgpuEngine.ts';
import { backward } from '../src/ops/gradients.ts';
import { output, type Program, record } from '../src/program/record.ts';
import { input, type Tensor } from '../src/program/tensor.ts';
import { SeededRandom } from '../src/text/seededRandom.ts';
import { compileProgram, compiler, everyCard } from './cudaCompiler.ts';
import { cpuEngines, cudaInHalves, gpuEngines } from './engines.ts';

/** Data of one input: floats, or integers (ids, labels) that are not differentiated. */
export type InputData = Float32Array | Int32Array | Uint16Array | Int8Array | Uint8Array;

export interface OpCase {
  readonly id: string;
  readonly inputs: readonly Tensor[];
  readonly data: readonly InputData[];
  /** Applies the op; all results are compared. */
  readonly apply: (...inputs: Tensor[]) => Tensor[];
  /** Inputs whose gradients are checked; default: all f32 inputs. Empty: forward only. */
  readonly differentiate?: readonly Tensor[];
  /** Quantisers are straight-through, so that finite differences don't apply; the op has a test of its own. */
  readonly straightThrough?: boolean;
  /** Largest difference from the reference, relative to the largest entry. Default 2e-6 · √(terms summed). */
  readonly tolerance?: number;
  /** The same where gradients are computed from f16 operands, which keep eleven bits: see `halfProduct`. */
  readonly halfTolerance?: number;
  /** Gradients are dense products, which an engine may compute from bf16. */
  readonly gradientsOfProducts?: boolean;
}

export function testOp(name: string, cases: readonly OpCase[]): void {
  describe(name, () => {
    for (const { name: engineName, skip, create } of [...cpuEngines, ...gpuEngines, cudaInHalves]) {
      describe.skipIf(skip)(engineName, () => {
        let engine: Engine;
        beforeAll(async () => {
          engine = await create();
        });
        afterAll(() => engine?.dispose());
        for (const one of cases) it(`matches the reference: ${one.id}`, () => matchesReference(engine, one));
      });
    }
    it.skipIf(!compiler)('has kernels for every NVIDIA card', { timeout: 300_000 }, () => {
      for (const one of cases) for (const card of everyCard) compileProgram(recordCase(one).program, card);
    });
    for (const one of cases.filter((c) => !c.straightThrough && differentiated(c).length > 0)) {
      it(`gradients match finite differences: ${one.id}`, () => matchesDifferences(one));
    }
  });
}

interface Recorded {
  readonly program: Program;
  readonly results: readonly Tensor[];
  readonly seeds: readonly Tensor[];
  readonly gradients: ReadonlyMap<Tensor, Tensor>;
}

function differentiated(one: OpCase): readonly Tensor[] {
  return one.differentiate ?? one.inputs.filter((tensor) => tensor.dtype === 'f32');
}

/** The op and, from random seeds, its backward pass. */
function recordCase(one: OpCase): Recorded {
  let results: Tensor[] = [];
  let seeds: Tensor[] = [];
  let gradients = new Map<Tensor, Tensor>();
  const program = record(one.id, () => {
    results = one.apply(...one.inputs);
    results.forEach(output);
    if (differentiated(one).length === 0) return;
    seeds = results.map((result, index) => input(`seed ${index}`, result.shape));
    gradients = backward(
      new Map(results.map((result, index) => [result, seeds[index]!])),
      differentiated(one),
    );
    for (const gradient of gradients.values()) if (gradient.kind === 'temporary') output(gradient);
  });
  return { program, results, seeds, gradients };
}

function seedData(seeds: readonly Tensor[]): Float32Array[] {
  const random = new SeededRandom(7);
  return seeds.map((seed) => random.fillNormal(new Float32Array(seed.size)));
}

async function run(engine: Engine, one: OpCase, recorded: Recorded): Promise<Map<string, Float32Array>> {
  one.inputs.forEach((tensor, index) => {
    engine.write(tensor, bytesOf(one.data[index]!));
  });
  seedData(recorded.seeds).forEach((data, index) => {
    engine.write(recorded.seeds[index]!, bytesOf(data));
  });
  const executable = engine.load(recorded.program);
  await executable.run();
  const found = new Map<string, Float32Array>();
  for (const [index, result] of recorded.results.entries())
    found.set(`result ${index}`, await readFloats(engine, result));
  for (const [tensor, gradient] of recorded.gradients)
    found.set(`d ${tensor.name}`, await readFloats(engine, gradient));
  return found;
}

const references = new Map<OpCase, ReturnType<typeof run>>();

/** What the reference engine finds: it is slow, so once for all engines. */
function expectedOf(one: OpCase): ReturnType<typeof run> {
  const known = references.get(one) ?? run(new ReferenceEngine(), one, recordCase(one));
  references.set(one, known);
  return known;
}

async function matchesReference(engine: Engine, one: OpCase): Promise<void> {
  const expected = await expectedOf(one);
  const found = await run(engine, one, recordCase(one));
  const usual = one.tolerance ?? 1e-5;
  const tolerance = halfUnits(engine) * (one.halfTolerance ?? 0) || usual;
  const ofGradients = one.gradientsOfProducts && roundsGradients(engine) ? bfloatTolerance : tolerance;
  for (const [name, values] of expected)
    expectClose(name, found.get(name)!, values, name.startsWith('d ') ? ofGradients : tolerance);
}

/** Operands in bf16 keep eight bits; their errors partly cancel in sums. */
export const bfloatTolerance = 1 / 256;

/** AMX of the CPU computes gradients of products from bf16, and results with all bits. */
export function roundsGradients(engine: Engine): boolean {
  return engine instanceof CpuEngine && engine.description.includes('native AMX');
}

/** How much the engine's narrow operands lose of what f16 keeps, eleven bits; 0 for engines that have none. */
function halfUnits(engine: Engine): number {
  if (engine instanceof WebGpuEngine) return engine.features.halfMatrices ? 1 : 0;
  return engine instanceof CudaEngine && engine.features.minHalfWork < Number.POSITIVE_INFINITY ? 8 : 0; // bf16: eight bits
}

/** Largest difference, relative to the largest expected entry (or 1e-3, so that zeros are compared too). */
export function expectClose(
  name: string,
  found: Float32Array,
  expected: Float32Array,
  tolerance: number,
): void {
  expect(found.length, name).toBe(expected.length);
  const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 1e-3);
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(found[i]! - expected[i]!);
    if (!(difference <= tolerance * largest)) {
      expect.fail(
        `${name}[${i}]: found ${found[i]}, expected ${expected[i]} within ${tolerance} of ${largest}`,
      );
    }
  }
}

/** Central differences of Σ seed·result in float64, for every element of every differentiated input. */
async function matchesDifferences(one: OpCase): Promise<void> {
  const engine = new ReferenceEngine();
  const recorded = recordCase(one);
  await run(engine, one, recorded);
  const analytic = new Map(
    [...recorded.gradients].map(([tensor, gradient]) => [tensor, engine.data(gradient).slice()]),
  );
  let results: readonly Tensor[] = [];
  const forward = engine.load(
    record(one.id, () => {
      results = one.apply(...one.inputs);
    }),
  );
  const value = async () => {
    await forward.run();
    return results.reduce((sum, result, index) => sum + dot(engine, result, recorded.seeds[index]!), 0);
  };
  for (const tensor of differentiated(one)) {
    const found = analytic.get(tensor);
    expect(found, `${tensor.name} has a gradient`).toBeDefined();
    const data = engine.data(tensor);
    for (let i = 0; i < data.length; i++) {
      const x = data[i]!;
      const h = 1e-5 * Math.max(1, Math.abs(x));
      data[i] = x + h;
      const above = await value();
      data[i] = x - h;
      const below = await value();
      data[i] = x;
      const difference = (above - below) / (2 * h);
      expect(Math.abs(found![i]! - difference), `d ${tensor.name}[${i}]`).toBeLessThan(
        1e-6 + 1e-5 * Math.abs(difference),
      );
    }
  }
}

function dot(engine: ReferenceEngine, a: Tensor, b: Tensor): number {
  const [x, y] = [engine.data(a), engine.data(b)];
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
}

/** An input with normal noise; `spread` is its deviation and `mean` is added. */
export function noise(name: string, shape: readonly number[], seed: number, { mean = 0, spread = 1 } = {}) {
  const tensor = input(name, shape);
  const data = new SeededRandom(seed).fillNormal(new Float32Array(tensor.size), spread).map((x) => x + mean);
  return { tensor, data };
}

/** An input of integers, each drawn by `draw`. */
export function integers(
  name: string,
  shape: readonly number[],
  seed: number,
  draw: (random: SeededRandom) => number,
) {
  const tensor = input(name, shape, 'i32');
  const random = new SeededRandom(seed);
  return { tensor, data: Int32Array.from({ length: tensor.size }, () => draw(random)) };
}

/** An input that says to which slot each row belongs. */
export function slotsOf(slots: readonly number[]) {
  return { tensor: input('slots', [slots.length], 'i32'), data: Int32Array.from(slots) };
}

/** Slots of the rows, number of states, width: one row, several rows a slot, slots that no row names. */
export const slotCases: readonly {
  readonly slots: readonly number[];
  readonly count: number;
  readonly width: number;
}[] = [
  { slots: [0], count: 1, width: 1 },
  { slots: [2, 0, 1], count: 3, width: 20 },
  { slots: [3, 3, 3, 0, 5, 5], count: 7, width: 33 },
  { slots: [1, 1, 1, 1, 1, 1, 1, 1, 0], count: 2, width: 18 },
  { slots: [4], count: 6, width: 7 },
  { slots: randomSlots(37, 11, 5), count: 11, width: 45 },
];

/** Slots of so many rows, those of one slot together, in no order. */
function randomSlots(rows: number, count: number, seed: number): number[] {
  const random = new SeededRandom(seed);
  const order = Array.from({ length: count }, (_, slot) => ({ slot, at: random.uniform() }));
  const drawn = Array.from({ length: rows }, () => random.integer(count));
  order.sort((a, b) => a.at - b.at);
  return order.flatMap(({ slot }) => drawn.filter((one) => one === slot));
}

/** A case from inputs with their data. */
export function opCase(
  id: string,
  given: readonly { tensor: Tensor; data: InputData }[],
  apply: OpCase['apply'],
  options: Partial<Omit<OpCase, 'id' | 'inputs' | 'data' | 'apply'>> = {},
): OpCase {
  return {
    id,
    inputs: given.map((one) => one.tensor),
    data: given.map((one) => one.data),
    apply,
    ...options,
  };
}
