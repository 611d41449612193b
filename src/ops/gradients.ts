/**
 * Reverse-mode differentiation by recording: walks the calls recorded so far from the last to the first and
 * lets each op emit its backward ops into the same program.
 */
import { type Call, type Gradients, type Operands, present } from '../program/op.ts';
import { emit, type Program, recording } from '../program/record.ts';
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

  required(tensor: Tensor): Tensor {
    const sum = this.#sums.get(tensor);
    if (!sum) throw new Error(`backward: nothing that the loss depends on reads ${tensor}`);
    return sum;
  }

  set(tensor: Tensor, sum: Tensor): void {
    this.#sums.set(tensor, sum);
  }

  add(tensor: Tensor, contribution: Tensor): void {
    const sum = this.#sums.get(tensor);
    this.#sums.set(tensor, sum ? add(sum, contribution) : contribution);
  }
}

export interface BackwardOptions {
  /** Gradients of earlier passes, to which this one adds. */
  readonly sums?: ReadonlyMap<Tensor, Tensor>;
  /**
   * Activations to keep, in the order in which they were computed. Those between two of them are recomputed in the
   * backward pass (activation checkpointing), which takes time and saves memory.
   */
  readonly checkpoints?: readonly Tensor[];
  /** Tensors to stop at: gradients reach them, but not their operands. */
  readonly leaves?: readonly Tensor[];
  /** Called with a gradient that was asked for when it is complete; may emit ops there. */
  readonly onComplete?: OnComplete;
}

export type OnComplete = (tensor: Tensor, gradient: Tensor) => void;

/**
 * Emits the backward pass from `seeds` (tensor → its initial gradient) and returns the gradient of each tensor in `of`
 * that a seed depends on.
 */
export function backward(
  seeds: ReadonlyMap<Tensor, Tensor>,
  of: readonly Tensor[],
  { sums = new Map(), checkpoints = [], leaves = [], onComplete }: BackwardOptions = {},
): Map<Tensor, Tensor> {
  const calls = recording().calls.filter(
    ({ outputs }) => !present(outputs).some((result) => leaves.includes(result)),
  );
  const wanted = dependentsOf(of, calls);
  const gradients = new RecordedGradients(wanted);
  for (const [tensor, sum] of sums) gradients.set(tensor, sum);
  for (const [tensor, gradient] of seeds) gradients.add(tensor, gradient);
  const leading = backwardOrder(calls, [...seeds.keys()]);
  const isWhole = checkpoints.length === 0;
  const lastReader = lastReaders(isWhole ? leading : reversedAmong(calls, leading), of);
  const read = new Set([...lastReader.values()].flat());
  for (const [tensor, sum] of sums) if (of.includes(tensor) && !read.has(tensor)) onComplete?.(tensor, sum);
  for (const { kept, recomputed } of segmentsOf(calls, checkpoints).reverse()) {
    const again = recomputed ? recompute(kept, wanted) : kept;
    const order = isWhole
      ? leading.map((call) => ({ call, first: call }))
      : again.map((call, i) => ({ call, first: kept[i]! })).reverse();
    for (const { call, first } of order) {
      if (present(call.outputs).some((result) => wanted.has(result) && gradients.of(result))) {
        if (!call.op.backward) throw new Error(`op ${call.op.name} has no backward pass`);
        call.op.backward(call, gradients);
      }
      for (const tensor of lastReader.get(first) ?? []) {
        const gradient = gradients.of(tensor);
        if (gradient) onComplete?.(tensor, gradient);
      }
    }
    if (recomputed) dropUnread(again);
  }
  return new Map(of.flatMap((tensor) => (gradients.of(tensor) ? [[tensor, gradients.of(tensor)!]] : [])));
}

/** The gradients of a scalar loss [1]. */
export function gradients(
  loss: Tensor,
  of: readonly Tensor[],
  options?: BackwardOptions,
): Map<Tensor, Tensor> {
  return backward(new Map([[loss, fill([1], 1)]]), of, options);
}

/**
 * The calls that lead to a seed, from the last to the first. A call without computed operands, such as the quantising
 * of a matrix, comes right after the first of its readers. If it was recorded in an earlier pass and is read in this one
 * too, it would otherwise come at the very end, and its gradient would be kept until then.
 */
function backwardOrder(calls: readonly Call[], seeds: readonly Tensor[]): Call[] {
  const producer = new Map<Tensor, Call>();
  for (const call of calls) for (const result of present(call.outputs)) producer.set(result, call);
  const onTheWay = new Set<Tensor>(seeds);
  const leading: Call[] = [];
  const firstReader = new Map<Call, Call>();
  for (const call of calls.toReversed()) {
    if (!present(call.outputs).some((result) => onTheWay.has(result))) continue;
    leading.push(call);
    for (const tensor of present(call.inputs)) {
      onTheWay.add(tensor);
      const source = producer.get(tensor);
      if (source && !present(source.inputs).some((read) => producer.has(read))) firstReader.set(source, call);
    }
  }
  const sources = Map.groupBy(firstReader.keys(), (source) => firstReader.get(source)!);
  return leading
    .filter((call) => !firstReader.has(call))
    .flatMap((call) => [call, ...(sources.get(call) ?? [])]);
}

/** The call after which the gradient of each tensor is complete. */
function lastReaders(order: readonly Call[], of: readonly Tensor[]): Map<Call, Tensor[]> {
  const reader = new Map<Tensor, Call>();
  for (const call of order) for (const tensor of present(call.inputs)) reader.set(tensor, call);
  return Map.groupBy(
    of.filter((tensor) => reader.has(tensor)),
    (tensor) => reader.get(tensor)!,
  );
}

/** The calls that are in `among`, from the last to the first. */
function reversedAmong(calls: readonly Call[], others: readonly Call[]): Call[] {
  const among = new Set(others);
  return calls.filter((call) => among.has(call)).reverse();
}

/** The given tensors and all tensors computed from them. */
function dependentsOf(tensors: Iterable<Tensor>, calls: readonly Call[]): Set<Tensor> {
  const found = new Set<Tensor>(tensors);
  for (const call of calls) {
    if (present(call.inputs).some((tensor) => found.has(tensor))) {
      for (const result of present(call.outputs)) found.add(result);
    }
  }
  return found;
}

interface Segment {
  readonly kept: readonly Call[];
  /** Whether its activations are recomputed in the backward pass. */
  readonly recomputed: boolean;
}

/** Splits the calls after those that compute a checkpoint; activations between two checkpoints are recomputed. */
function segmentsOf(calls: readonly Call[], checkpoints: readonly Tensor[]): Segment[] {
  const ends = checkpoints.map(
    (tensor) => calls.findIndex((call) => present(call.outputs).includes(tensor)) + 1,
  );
  const cuts = [0, ...ends, calls.length];
  return cuts.slice(1).map((end, i) => ({
    kept: calls.slice(cuts[i], end),
    recomputed: i > 0 && i < checkpoints.length,
  }));
}

function readsAny(calls: readonly Call[], tensors: readonly Tensor[]): boolean {
  return calls.some(({ inputs }) => present(inputs).some((tensor) => tensors.includes(tensor)));
}

/** Removes those of the calls whose results no call reads. */
function dropUnread(calls: readonly Call[]): void {
  const { calls: all, marks } = recording();
  for (const call of [...calls].reverse()) {
    const at = all.indexOf(call);
    if (at >= 0 && !readsAny(all, present(call.outputs))) {
      all.splice(at, 1);
      marks.forEach((line, mark) => {
        if (line > at) marks[mark] = line - 1;
      });
    }
  }
}

/**
 * Emits a segment's calls again, if they depend on the host's inputs (weights are quantised once) and a call reads
 * their results, and returns them. The results of the last call are the checkpoint, which exists already.
 */
function recompute(calls: readonly Call[], wanted: Set<Tensor>): Call[] {
  const program = recording();
  const renewed = new Map<Tensor, Tensor>();
  const latest = (inputs: Operands) =>
    mapOperands(inputs, (tensor) => tensor && (renewed.get(tensor) ?? tensor));
  const activations = dependentsOf(
    program.persistent().filter(({ kind }) => kind === 'input'),
    program.calls,
  );
  const isAgain = (call: Call) =>
    call !== calls.at(-1) && present(call.outputs).some((result) => activations.has(result));
  return calls.map((call) => {
    const inputs = latest(call.inputs);
    if (!isAgain(call)) return { ...call, inputs };
    const outputs = emit(call.op, inputs, call.attributes);
    for (const [name, result] of Object.entries(call.outputs)) {
      const again = outputs[name];
      if (!result || !again) continue;
      renewed.set(result, again);
      if (wanted.has(result)) wanted.add(again);
    }
    return lastCall(program);
  });
}

function mapOperands(
  operands: Operands,
  change: (tensor: Tensor | undefined) => Tensor | undefined,
): Operands {
  return Object.fromEntries(Object.entries(operands).map(([name, tensor]) => [name, change(tensor)]));
}

function lastCall({ calls }: Program): Call {
  return calls[calls.length - 1] as Call;
}
