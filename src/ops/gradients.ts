/**
 * Reverse-mode differentiation by recording: walks the calls recorded so far from the last to the first and
 * lets each op emit its backward ops into the same program.
 */
import type { Gradients } from '../program/op.ts';
import { recording } from '../program/record.ts';
import type { Tensor } from '../program/tensor.ts';
import { add } from './add/add.ts';
import { fill } from './fill/fill.ts';

class RecordedGradients implements Gradients {
  readonly #sums = new Map<Tensor, Tensor>();
  readonly #wanted: ReadonlySet<Tensor>;

  constructor(wanted: ReadonlySet<Tensor>) {
    this.#wanted = wanted;
  }

  wants(tensor: Tensor | undefined): tensor is Tensor {
    return tensor !== undefined && this.#wanted.has(tensor);
  }

  of(tensor: Tensor): Tensor | undefined {
    return this.#sums.get(tensor);
  }

  set(tensor: Tensor, sum: Tensor): void {
    this.#sums.set(tensor, sum);
  }

  add(tensor: Tensor, contribution: Tensor): void {
    const sum = this.#sums.get(tensor);
    this.#sums.set(tensor, sum ? add(sum, contribution) : contribution);
  }
}

/**
 * Emits the backward pass from `seeds` (tensor → the gradient it starts with) and returns the gradient of
 * each tensor in `of` that a seed depends on. `sums` carries gradients of earlier passes, to which this one adds.
 */
export function backward(
  seeds: ReadonlyMap<Tensor, Tensor>,
  of: readonly Tensor[],
  sums: ReadonlyMap<Tensor, Tensor> = new Map(),
): Map<Tensor, Tensor> {
  const calls = [...recording().calls];
  const wanted = new Set<Tensor>(of);
  for (const call of calls) {
    if (call.inputs.some((tensor) => tensor && wanted.has(tensor))) {
      for (const result of call.outputs) wanted.add(result);
    }
  }
  const gradients = new RecordedGradients(wanted);
  for (const [tensor, sum] of sums) gradients.set(tensor, sum);
  for (const [tensor, gradient] of seeds) gradients.add(tensor, gradient);
  for (const call of calls.reverse()) {
    const reached = call.outputs.some((result) => wanted.has(result) && gradients.of(result));
    if (!reached) continue;
    if (!call.op.backward) throw new Error(`op ${call.op.name} has no backward pass`);
    call.op.backward(call, gradients);
  }
  return new Map(of.flatMap((tensor) => (gradients.of(tensor) ? [[tensor, gradients.of(tensor)!]] : [])));
}

/** The gradients of a scalar loss [1]. */
export function gradients(
  loss: Tensor,
  of: readonly Tensor[],
  sums?: ReadonlyMap<Tensor, Tensor>,
): Map<Tensor, Tensor> {
  return backward(new Map([[loss, fill([1], 1)]]), of, sums);
}
