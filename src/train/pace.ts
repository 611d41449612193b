/** Facts that ranks exchange after a step: loss, throughput, waiting time, and whether one was asked to stop. */
import { type Group, sumTree } from '../mpi/group.ts';

export interface StepFacts {
  /** Loss in nats, summed over the labels of the rank's passes. */
  readonly lossSum: number;
  /** Labels of the rank's passes. */
  readonly labels: number;
  /** Throughput of this rank in tokens/s, excluding the time that it waited for others. */
  readonly pace: number;
  /** Seconds that it waited for the others. */
  readonly waited: number;
  /** Whether it was asked to stop. */
  readonly stop: boolean;
}

/** Combines the facts of all ranks: sums of losses and labels, the worst of the other three. */
export async function shareFacts(group: Group, facts: StepFacts): Promise<StepFacts> {
  if (group.size === 1) return facts;
  const own = [facts.lossSum, facts.labels, facts.pace, facts.waited, Number(facts.stop)];
  const all = new Float64Array(own.length * group.size);
  all.set(own, own.length * group.rank);
  await group.gatherParts(new Float32Array(all.buffer)); // ranks exchange bytes as they are
  const of = (fact: number) =>
    Array.from({ length: group.size }, (_, rank) => all[own.length * rank + fact]!);
  return {
    lossSum: sumTree(of(0), (a, b) => a + b), // as one rank sums its passes
    labels: of(1).reduce((sum, count) => sum + count, 0),
    pace: Math.min(...of(2)),
    waited: Math.max(...of(3)),
    stop: of(4).some((asked) => asked > 0),
  };
}
