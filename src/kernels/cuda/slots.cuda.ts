/**
 * Recurrences over rows of many sequences: row r belongs to slot `slots[r]`, and the rows of one slot stand together.
 * The thread of a slot's first row walks all rows of that slot, one column of them; the others have no work.
 */
import { widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import type { Launch } from './launch.ts';
import { eachElement, overElements } from './shapes.ts';

export interface SlotWalk {
  readonly functions: string;
  /** For column `c` of slot `slot`, before its first row. */
  readonly begin: string;
  /** For each row, at element `at`. */
  readonly row: string;
  /** After its last row. */
  readonly end: string;
}

/** A launch over the columns of x [.., width], whose rows belong to `tensors.slots`. */
export function overSlots(
  kernel: string,
  x: Tensor,
  tensors: Launch['tensors'] & { readonly slots: Tensor },
  { functions, begin, row, end }: SlotWalk,
  more: Launch['numbers'] = {},
): Launch {
  return {
    ...{ kernel, functions, tensors },
    body: eachElement(`
    const unsigned c = i % width;
    const int first = slots[i / width];
    if (i >= width && slots[i / width - 1] == first) continue;
    const unsigned slot = first;
    ${begin}
    for (unsigned at = i; at < size && slots[at / width] == first; at += width) {
      ${row}
    }
    ${end}`),
    numbers: { size: x.size, width: widthOf(x), ...more },
    ...overElements(x.size),
  };
}
