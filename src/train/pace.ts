/** What ranks tell one another after a step: how it went, how fast they are, and whether one was asked to stop. */
import { type Group, sumTree } from '../mpi/group.ts';

export interface StepFacts {
  /** The rank's contribution to the loss. */
  readonly loss: number;
  /** Tokens a second of this rank while it did not wait for others. */
  readonly pace: number;
  /** Seconds that it stood still for the others. */
  readonly waited: number;
  /** Whether it was asked to stop. */
  readonly stop: boolean;
}

/** Of all ranks: the loss is the sum of their contributions, the other three are the worst of them. */
export async function meet(group: Group, { loss, pace, waited, stop }: StepFacts): Promise<StepFacts> {
  if (group.size === 1) return { loss, pace, waited, stop };
  const own = [loss, pace, waited, Number(stop)];
  const all = new Float32Array(own.length * group.size);
  all.set(own, own.length * group.rank);
  await group.gatherParts(all);
  const of = (fact: number) =>
    Array.from({ length: group.size }, (_, rank) => all[own.length * rank + fact]!);
  return {
    loss: sumTree(of(0), (a, b) => Math.fround(a + b)), // as one rank's program sums them
    pace: Math.min(...of(1)),
    waited: Math.max(...of(2)),
    stop: of(3).some((asked) => asked > 0),
  };
}
