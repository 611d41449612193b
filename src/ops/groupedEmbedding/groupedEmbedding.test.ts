import { integers, noise, opCase, testOp } from '../../../test/opSuite.ts';
import type { GroupedType } from '../groupedLinear/packed.ts';
import { randomMatrix } from '../groupedLinear/testing.ts';
import { groupedEmbedding } from './groupedEmbedding.ts';

/** Tables with whole tiles only, with a broken last one, and with less than one; each row is looked up. */
const tables: [type: GroupedType, vocabulary: number, width: number, group: number][] = [
  ['ternary', 64, 128, 128],
  ['ternary', 75, 64, 32],
  ['binary', 128, 256, 64],
  ['binary', 77, 32, 32],
  ['u4', 9, 160, 32],
  ['i8', 9, 48, 16],
];

/** Each row once. */
function rowsOf(vocabulary: number) {
  let next = 0;
  return integers('ids', [vocabulary], 1, () => next++);
}

testOp('groupedEmbedding', [
  ...tables.map(([type, vocabulary, width, group]) =>
    opCase(
      `${type}, [${vocabulary}, ${width}], groups of ${group}`,
      [rowsOf(vocabulary), ...randomMatrix(type, vocabulary, width, group, group < 64)],
      (i, codes, scales) => [groupedEmbedding(i!, { codes: codes!, scales: scales! })],
      { differentiate: [], tolerance: 0 },
    ),
  ),
  ...(['u4', 'i8'] as const).map((type) =>
    opCase(
      `${type} with offsets`,
      [rowsOf(9), ...randomMatrix(type, 9, 96, 32, false), noise('offsets', [9, 3], 7)],
      (i, codes, scales, offsets) => [
        groupedEmbedding(i!, { codes: codes!, scales: scales!, offsets: offsets! }),
      ],
      { differentiate: [] },
    ),
  ),
]);
