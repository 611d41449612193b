import { integers, opCase, testOp } from '../../../test/opSuite.ts';
import { randomMatrix } from '../groupedLinear/testing.ts';
import { groupedEmbedding } from './groupedEmbedding.ts';

/** Tables with whole tiles only, with a broken last one, and with less than one; each row is looked up. */
const tables: [type: 'ternary' | 'binary' | 'i8', vocabulary: number, width: number, group: number][] = [
  ['ternary', 64, 128, 128],
  ['ternary', 75, 64, 32],
  ['binary', 128, 256, 64],
  ['binary', 77, 32, 32],
  ['i8', 9, 48, 16],
];

testOp(
  'groupedEmbedding',
  tables.map(([type, vocabulary, width, group]) => {
    let next = 0;
    const ids = integers('ids', [vocabulary], 1, () => next++);
    return opCase(
      `${type}, [${vocabulary}, ${width}], groups of ${group}`,
      [ids, ...randomMatrix(type, vocabulary, width, group, group < 64)],
      (i, codes, scales) => [groupedEmbedding(i!, { codes: codes!, scales: scales! })],
      { differentiate: [], tolerance: 0 },
    );
  }),
);
