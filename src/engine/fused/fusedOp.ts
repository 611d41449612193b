/** Ops that fusing creates in place of others. */
import type { Call, Cost, Op, Operands } from '../../program/op.ts';

/** An op that only GPUs run, made of calls that every engine has. It is never recorded. */
export function fusedOp<A, In extends Operands = Operands, Out extends Operands = Operands>(
  name: string,
  cost: (call: Call<In, Out, A>) => Cost,
  inPlace: NonNullable<Op<In, Out, A>['inPlace']> = {},
): Op<In, Out, A> {
  const refuse = () => {
    throw new Error(`${name} is made by fusing, for GPUs; other engines run the program that was recorded`);
  };
  return { name, inPlace, cost, outputs: refuse, reference: refuse };
}

/** A call of a fused op. */
export function callOf<In extends Operands, Out extends Operands, A>(
  op: Op<In, Out, A>,
  inputs: In,
  outputs: Out,
  attributes: A,
): Call {
  return { op: op as Op, inputs, outputs, attributes };
}

/** Operands `name0`, `name1`, … */
export function numbered<T>(name: string, values: readonly T[]): Readonly<Record<string, T>> {
  return Object.fromEntries(values.map((value, n) => [`${name}${n}`, value]));
}
