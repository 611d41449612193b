import type { Data, DataOf } from '../program/op.ts';
import type { Tensor } from '../program/tensor.ts';

/** The array of a gradient, initialised with `before`, or zeros. For references. */
export function startSum(data: DataOf, sum: Tensor, before: Tensor | undefined): Data {
  const array = data(sum);
  if (before) array.set(data(before));
  else array.fill(0);
  return array;
}
