import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { expectShape, rowsOf, sizeOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { mlgruSlotsReference } from './reference.ts';

interface Attributes {
  /** Row of the table of lower bounds that is this layer's. */
  readonly layer: number;
}

/**
 * The MLGRU for many sequences at once. Each row of i and f [.., width] is a token of whichever sequence: it goes
 * on from the state in its slot, `slots` [rows] i32 of `states` [count, width], and leaves the next one there.
 * Rows of one slot must stand together, in the order of their tokens; slots must be in [0, count): whoever writes
 * them to the engine sees to both. `bounds` [layers, width] as in `mlgru`. Returns h [.., width] and the states
 * `next` [count, width], which may be assigned to `states`: slots that no row names stay as they are. For
 * inference only.
 */
export function mlgruSlots(
  i: Tensor,
  f: Tensor,
  slots: Tensor,
  states: Tensor,
  bounds: Tensor | undefined,
  layer: number,
): { h: Tensor; next: Tensor } {
  expectShape('mlgruSlots', 'f', f, i.shape);
  expectShape('mlgruSlots', 'slots', slots, [rowsOf(i)]);
  expectShape('mlgruSlots', 'states', states, [sizeOf(states, 0), widthOf(i)]);
  return emit(mlgruSlotsOp, { i, f, slots, states, bounds }, { layer });
}

export const mlgruSlotsOp: Op<
  Tensors<'i' | 'f' | 'slots' | 'states', 'bounds'>,
  Tensors<'h' | 'next'>,
  Attributes
> = {
  name: 'mlgruSlots',
  inPlace: { next: 'states' },
  outputs: ({ i, states }) => ({ h: { shape: i.shape }, next: { shape: states.shape } }),
  // As the MLGRU's: σ, SiLU, the bound, 1 − f and the recurrence. Of the states, at most a row for each token.
  cost: (call) => {
    const { i, f, slots, bounds } = call.inputs;
    const n = i.size;
    const row = bounds ? bounds.bytes / sizeOf(bounds, 0) : 0;
    const bytesRead = 2 * i.bytes + f.bytes + slots.bytes + row;
    const work = cost(call, { additions: 6 * n, multiplications: 5 * n, special: 2 * n }, bytesRead);
    return { ...work, bytesWritten: 2 * i.bytes };
  },
  reference({ inputs: { i, f, slots, states, bounds }, outputs: { h, next }, attributes }, data) {
    const width = widthOf(i);
    const start = attributes.layer * width;
    const bound = bounds && data(bounds).subarray(start, start + width);
    data(next).set(data(states));
    mlgruSlotsReference({ i: data(i), f: data(f), slots: data(slots), bound }, width, data(next), data(h));
  },
};
