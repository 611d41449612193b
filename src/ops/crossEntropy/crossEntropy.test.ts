import { integers, noise, opCase, testOp } from '../../../test/opSuite.ts';
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
