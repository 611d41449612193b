/**
 * What an op is: its name, the shapes of what it computes, its formula in plain loops (`reference`), its cost, and the
 * ops that its backward pass emits. An op knows nothing of models, and nothing of engines: what an engine runs
 * for an op stands in that engine's table of lowerings.
 */
import type { DType, Shape, Tensor } from './tensor.ts';

/** Tensors by name. An optional operand that is absent is `undefined`. */
export type Operands = { readonly [name: string]: Tensor | undefined };

/** Operands with these names; leaving one out is a type error, also for an optional one. */
export type Tensors<Required extends string, Optional extends string = never> = {
  readonly [Name in Required]: Tensor;
} & { readonly [Name in Optional]: Tensor | undefined };

/** One op applied to tensors: a line of a program. */
export interface Call<In extends Operands = Operands, Out extends Operands = Operands, A = unknown> {
  readonly op: Op<In, Out, A>;
  readonly inputs: In;
  readonly outputs: Out;
  readonly attributes: A;
}

/** Shape and element type (default: f32) of a tensor that an op computes. */
export interface OutputSpec {
  readonly shape: Shape;
  readonly dtype?: DType;
}

export interface Op<In extends Operands = Operands, Out extends Operands = Operands, A = unknown> {
  readonly name: string;
  /** The tensors that the op computes. An output that this call does not have is `undefined`. */
  outputs(
    inputs: In,
    attributes: A,
  ): { readonly [Name in keyof Out]: OutputSpec | Extract<Out[Name], undefined> };
  cost(call: Call<In, Out, A>): Cost;
  /** Computes the outputs from the inputs by the formula; every engine is held to it. */
  reference(call: Call<In, Out, A>, data: DataOf): void;
  /** Emits the ops of the backward pass and hands their outputs to `gradients`. */
  backward?(call: Call<In, Out, A>, gradients: Gradients): void;
  /**
   * output → input: kernels may write this output over that input. The planner does so when nobody reads the input
   * afterwards.
   */
  readonly inPlace?: { readonly [Name in keyof Out]?: keyof In };
}

/** A call of this op. */
export type CallOf<O> = O extends Op<infer In, infer Out, infer A> ? Call<In, Out, A> : never;

/** The call with the types of this op, if it is a call of it. */
export function callOfOp<In extends Operands, Out extends Operands, A>(
  call: Call | undefined,
  op: Op<In, Out, A>,
): Call<In, Out, A> | undefined {
  return call?.op === (op as Op) ? (call as Call<In, Out, A>) : undefined;
}

/** The tensors that are there. */
export function present(operands: Operands): Tensor[] {
  return Object.values(operands).filter((tensor) => tensor !== undefined);
}

/** The gradient of the loss with respect to each tensor, as far as the backward pass has summed it. */
export interface Gradients {
  /** Whether anything that is asked for depends on this tensor. */
  wants(tensor: Tensor | undefined): tensor is Tensor;
  /** The gradient summed so far; `undefined` means zero. */
  of(tensor: Tensor): Tensor | undefined;
  /** The gradient of an output on which the loss depends; throws if there is none. */
  required(tensor: Tensor): Tensor;
  /** Replaces the sum: for ops whose kernel adds to the sum so far, which it takes as an input. */
  set(tensor: Tensor, sum: Tensor): void;
  /** Adds one more contribution. */
  add(tensor: Tensor, contribution: Tensor): void;
}

/** Elements of a tensor in the reference engine: float64 for float types, else the type's own array. */
export type Data = Float64Array | Int32Array | Int8Array | Uint8Array | Uint16Array;
export type DataOf = (tensor: Tensor) => Data;

/**
 * Work of one call. The operation audit, the energy estimate and the roofline all read these numbers.
 * `productMultiplications` are those inside matrix products (none in a MatMul-free forward pass);
 * `multiplications` are all others (element-wise: norms, gates, scales). `additions` are of floats, except for
 * `integerAdditions` of them. Divisions, square roots and exponentials count under `special`.
 */
export interface Cost {
  readonly additions: number;
  /** Those of the additions that add int8 activations to integer sums. */
  readonly integerAdditions: number;
  readonly multiplications: number;
  readonly productMultiplications: number;
  readonly special: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** The work of several calls together. */
export function sumOfCosts(costs: readonly Cost[]): Cost {
  const sum = (field: keyof Cost) => costs.reduce((total, one) => total + one[field], 0);
  return {
    additions: sum('additions'),
    integerAdditions: sum('integerAdditions'),
    multiplications: sum('multiplications'),
    productMultiplications: sum('productMultiplications'),
    special: sum('special'),
    bytesRead: sum('bytesRead'),
    bytesWritten: sum('bytesWritten'),
  };
}

/** A cost from its operation counts; bytes follow from the call's tensors, each read or written once. */
export function cost(
  call: { readonly inputs: Operands; readonly outputs: Operands },
  counts: Partial<Omit<Cost, 'bytesRead' | 'bytesWritten'>>,
  bytesRead?: number,
): Cost {
  const sum = (operands: Operands) => present(operands).reduce((total, { bytes }) => total + bytes, 0);
  return {
    additions: 0,
    integerAdditions: 0,
    multiplications: 0,
    productMultiplications: 0,
    special: 0,
    ...counts,
    bytesRead: bytesRead ?? sum(call.inputs),
    bytesWritten: sum(call.outputs),
  };
}
