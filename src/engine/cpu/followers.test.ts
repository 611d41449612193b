/** Kernels that follow the pieces of a product, on the thread that has computed them, see all that they read. */
import { describe, expect, it } from 'vitest';
import { nativeUnderTest } from '../../../test/engines.ts';
import { add } from '../../ops/add/add.ts';
import { bitLinear } from '../../ops/bitLinear/bitLinear.ts';
import { mlgru } from '../../ops/mlgru/mlgru.ts';
import { batch } from '../../ops/sequences.ts';
import { swiglu } from '../../ops/swiglu/swiglu.ts';
import { output, record } from '../../program/record.ts';
import { input, type Tensor } from '../../program/tensor.ts';
import { SeededRandom } from '../../text/seededRandom.ts';
import { bytesOf, readFloats } from '../engine.ts';
import { CpuEngine, type CpuOptions } from './cpuEngine.ts';
import type { Phase } from './phases.ts';

type Project = (x: Tensor, out: number) => Tensor;

/** A block: recurrence, residual, gated unit, residual; all products are shared out in many small pieces. */
function block(x: Tensor, width: number, inner: number, project: Project): Tensor[] {
  const [i, f] = [project(x, width), project(x, width)];
  const { h } = mlgru(i, f, { layout: batch, state: undefined, bounds: undefined, layer: 0 });
  const y = add(x, project(h, width));
  return [h, y, add(y, project(swiglu(project(y, 2 * inner)), width))];
}

async function run(rows: number, width: number, inner: number, options: CpuOptions) {
  const matrices: Tensor[] = [];
  const project: Project = (x, out) => {
    const width = x.shape.at(-1)!;
    const [norm, weight] = [input('norm', [width]), input('w', [out, width])];
    matrices.push(norm, weight);
    return bitLinear(x, { norm, weight });
  };
  const x = input('x', [1, rows, width]);
  let results: Tensor[] = [];
  const program = record('block', () => {
    results = block(x, width, inner, project).map(output);
  });
  const engine = await CpuEngine.create({ pieceWork: 1, poison: true, native: false, ...options });
  const random = new SeededRandom(7);
  for (const tensor of [x, ...matrices])
    engine.write(tensor, bytesOf(random.fillNormal(new Float32Array(tensor.size))));
  const executable = engine.load(program);
  await executable.run();
  const values: Float32Array[] = [];
  for (const result of results) values.push((await readFloats(engine, result)).slice());
  await engine.dispose();
  const isFollowed = ({ together, kernels }: Phase) => together && kernels.some(({ call }) => call.quarter);
  return { values, together: executable.phases.filter(isFollowed).length };
}

describe('kernels that follow pieces of a product', () => {
  // A row of 70,000 columns takes the place of several short ones in a thread's memory, and its memory is used again
  // too soon for two of the four. Of several rows, sums are taken row by row.
  it.each([
    [1, 64, 96, 4],
    [1, 200, 72, 4],
    [1, 12, 70_000, 2],
    [5, 64, 96, 2],
    [16, 200, 72, 2],
    [17, 64, 96, 0],
  ])(
    'give the bits of one thread: %i rows, width %i, inner width %i',
    async (rows, width, inner, together) => {
      const alone = await run(rows, width, inner, { threads: 1 });
      expect(alone.together).toBe(0);
      for (const native of [false, ...nativeUnderTest] as const) {
        const shared = await run(rows, width, inner, { threads: 3, native });
        expect(shared.together).toBe(together);
        expect(shared.values).toEqual(alone.values);
      }
    },
  );
});
