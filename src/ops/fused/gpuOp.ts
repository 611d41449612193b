/** Ops that fusing puts in the place of others. */
import { type Call, cost, type Op } from '../../program/op.ts';

export type InPlace = NonNullable<Op['inPlace']>;

/** An op that only GPUs run, made of calls that every engine has. */
export function gpuOp<A>(name: string, webgpu: Op<A>['webgpu'], inPlace: InPlace = []): Op<A> {
  const onGpusOnly = () => {
    throw new Error('fused calls are made for GPUs, from programs that have the separate ones');
  };
  return {
    name,
    inPlace,
    cost: (call) => cost(call as Call, {}),
    reference: onGpusOnly,
    cpu: onGpusOnly,
    webgpu,
  };
}
