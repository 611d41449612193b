/** Adding to a gradient is the work of the call that computes it: the numbers stay, the additions go. */
import { expect, it } from 'vitest';
import { bitLinear } from '../../ops/bitLinear/bitLinear.ts';
import { backward } from '../../ops/gradients.ts';
import { output, type Program, record } from '../../program/record.ts';
import { input, type Tensor, variable } from '../../program/tensor.ts';
import { SeededRandom } from '../../text/seededRandom.ts';
import { bytesOf } from '../engine.ts';
import { ReferenceEngine } from '../reference/referenceEngine.ts';
import { foldSums } from './foldSums.ts';

/** The gradient of a weight over three passes, each of which adds to the one before. */
function passes() {
  const [weight, norm, seed] = [variable('weight', [8, 16]), variable('norm', [16]), input('seed', [4, 8])];
  const rows = [0, 1, 2].map((n) => input(`x${n}`, [4, 16]));
  let sum: Tensor | undefined;
  const program = record('passes', () => {
    let sums: ReadonlyMap<Tensor, Tensor> = new Map();
    for (const x of rows) {
      const y = bitLinear(x, { norm, weight });
      sums = backward(new Map([[y, seed]]), [weight], { sums });
    }
    sum = output(sums.get(weight)!);
  });
  return { program, inputs: [weight, norm, seed, ...rows], sum: sum! };
}

async function valuesOf(program: Program, inputs: readonly Tensor[], sum: Tensor): Promise<Float32Array> {
  const engine = new ReferenceEngine();
  const random = new SeededRandom(1);
  const executable = engine.load(program);
  for (const tensor of inputs)
    engine.write(tensor, bytesOf(random.fillNormal(new Float32Array(tensor.size))));
  const found = new Float32Array(sum.size);
  await executable.run([{ tensor: sum, target: bytesOf(found) }]);
  return found;
}

it('sums of passes are added by the products of gradients', async () => {
  const { program, inputs, sum } = passes();
  const additions = ({ calls }: Program) => calls.filter(({ op }) => op.name === 'add').length;
  const folded = foldSums(program);
  expect([additions(program), additions(folded)]).toEqual([2, 0]);
  const [expected, found] = [await valuesOf(program, inputs, sum), await valuesOf(folded, inputs, sum)];
  const largest = Math.max(...expected.map(Math.abs));
  expect(Math.max(...found.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-6 * largest);
});

it('a sum that others read before stays an addition', () => {
  const { program, sum } = passes();
  const first = program.calls.find(({ op }) => op.name === 'bitLinearBackward')!;
  // The first pass's own gradient is wanted, too, and the last sum is made of it: only the second addition may go.
  program.outputs.add(first.outputs.dWeight!);
  const second = program.calls.filter(({ op }) => op.name === 'bitLinearBackward')[1]!;
  program.outputs.add(second.outputs.dWeight!);
  const folded = foldSums(program);
  expect(folded.calls.filter(({ op }) => op.name === 'add').length).toBe(1);
  expect(folded.calls.some(({ outputs }) => Object.values(outputs).includes(sum))).toBe(true);
});
