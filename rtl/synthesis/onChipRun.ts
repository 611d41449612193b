/** The tests' model on the accelerator that is placed, as `pm_on_chip` runs it: the time of a token, in cycles. */
import { Cluster } from '../../src/accelerator/cluster.ts';
import { compileModel } from '../../src/accelerator/compile/model.ts';
import { GreedyHost } from '../../src/accelerator/host.ts';
import type { SlotTiming } from '../../src/accelerator/parameters.ts';
import type { PlacedDesign } from '../../src/accelerator/resources.ts';
import { golden } from '../../test/smallModel.ts';
import { chip } from '../bench/machines.ts';

/** Its memory takes a request in every cycle and answers in the second one after it. */
const timing: SlotTiming = {
  kind: 'slots',
  ...{ latency: 2, ports: 1, numerator: 1, denominator: 1, refreshInterval: 1, refreshCycles: 0 },
};

const tokens = 16;

export async function onChipRun(): Promise<PlacedDesign['run']> {
  const compiled = await compileModel(golden, { sizes: chip, latency: timing.latency });
  const { program, config } = compiled;
  const host = new GreedyHost([1], tokens);
  const cluster = new Cluster({ sizes: chip, timing, program, memory: compiled.image(), host });
  const halt = cluster.run();
  if (halt?.code !== 0) throw new Error(`the tests' model ended with ${JSON.stringify(halt)}`);
  const { hiddenSize: width, layers, vocabSize: vocabulary } = config;
  return { width, layers, vocabulary, cyclesPerToken: Math.round(halt.cycle / tokens) };
}
