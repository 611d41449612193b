import { describe, expect, it } from 'vitest';
import { cpuEngines, gpuEngines } from '../../../test/engines.ts';
import { integers, noise, opCase, testOp } from '../../../test/opSuite.ts';
import { bytesOf, readFloats } from '../../engine/engine.ts';
import { output, record } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { gradients } from '../gradients.ts';
import { slice } from '../slice/slice.ts';
import { crossEntropy } from './crossEntropy.ts';

const cases = [
  [1, 1],
  [1, 5],
  [7, 13],
  [2, 5, 33],
].map((shape) => {
  const labels = integers('labels', shape.slice(0, -1), 2, (random) => random.integer(shape.at(-1)!));
  return opCase(`[${shape}]`, [noise('logits', shape, 1, { spread: 3 }), labels], (x, l) => [
    crossEntropy(x!, l!),
  ]);
});

const someIgnored = integers('labels', [6], 2, (random) => random.integer(9) - 3);
const noneLabelled = integers('labels', [3], 2, () => -100);
const labels = integers('labels', [6], 2, (random) => random.integer(9));

testOp('crossEntropy', [
  ...cases,
  opCase('rows without a label', [noise('logits', [6, 9], 1), someIgnored], (x, l) => [crossEntropy(x!, l!)]),
  opCase('no labels at all', [noise('logits', [3, 9], 1), noneLabelled], (x, l) => [crossEntropy(x!, l!)], {
    straightThrough: true,
    differentiate: [],
  }),
  opCase('parts of the rows, one without a label', [noise('logits', [6, 9], 1), someIgnored], (x, l) =>
    [0, 1, 4].map((first, i) => {
      const count = [1, 3, 2][i]!;
      return crossEntropy(slice(x!, 9 * first, [count, 9]), slice(l!, first, [count]), 0.5, l!);
    }),
  ),
  opCase('weighted', [noise('logits', [6, 9], 1), labels], (x, l) => [crossEntropy(x!, l!, 0.25)]),
  opCase(
    'large logits',
    [noise('logits', [6, 9], 1, { spread: 300 }), labels],
    (x, l) => [crossEntropy(x!, l!)],
    {
      straightThrough: true, // finite differences are too coarse
    },
  ),
]);

describe.for([...cpuEngines, ...gpuEngines])('rows without a label on $name', ({ skip, create }) => {
  it.skipIf(skip)('get no gradient at all: exactly 0, not a small number', async () => {
    const logits = noise('logits', [6, 9], 1, { spread: 3 });
    let dLogits: Tensor | undefined;
    const program = record('masked loss', () => {
      const loss = crossEntropy(logits.tensor, someIgnored.tensor);
      dLogits = output(gradients(loss, [logits.tensor]).get(logits.tensor)!);
    });
    const engine = await create();
    try {
      engine.write(logits.tensor, bytesOf(logits.data));
      engine.write(someIgnored.tensor, bytesOf(someIgnored.data));
      await engine.load(program).run();
      const found = await readFloats(engine, dLogits!);
      someIgnored.data.forEach((label, row) => {
        const ofRow = found.subarray(9 * row, 9 * row + 9);
        expect(ofRow.every((x) => (label < 0 ? x === 0 : x !== 0))).toBe(true);
      });
      expect(someIgnored.data.filter((label) => label < 0).length).toBeGreaterThan(0);
    } finally {
      await engine.dispose();
    }
  });
});
