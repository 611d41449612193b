/**
 * Recurrences over rows of many sequences: row r belongs to slot `slots[r]`, and the rows of one slot are adjacent. The
 * invocation of a slot's first row processes all rows of that slot, for one column; the others have no work.
 */
import { widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import type { Dispatch } from './dispatch.ts';
import { elementKernel, overElements } from './wgsl.ts';

export interface SlotWalk {
  /** WGSL before the entry point. */
  readonly functions: string;
  /** For column `c` of slot `slot`, before its first row. */
  readonly begin: string;
  /** For each row, at element `at`. */
  readonly row: string;
  /** After its last row. */
  readonly end: string;
}

/** A dispatch over the columns of x [.., width], whose rows belong to `tensors.slots`. */
export function overSlots(
  shader: string,
  x: Tensor,
  tensors: Dispatch['tensors'] & { readonly slots: Tensor },
  { functions, begin, row, end }: SlotWalk,
  more: Dispatch['numbers'] = {},
): Dispatch {
  return {
    shader,
    code:
      functions +
      elementKernel(`
      let c = i % p.width;
      let first = slots[i / p.width];
      if (i >= p.width && slots[i / p.width - 1u] == first) { continue; }
      let slot = u32(first);
      ${begin}
      for (var at = i; at < p.size && slots[at / p.width] == first; at += p.width) {
        ${row}
      }
      ${end}`),
    tensors,
    numbers: { size: x.size, width: widthOf(x), ...more },
    workgroups: overElements(x.size),
  };
}
