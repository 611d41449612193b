/**
 * Run by every rank of the test of uneven labels: one update on four sequences of 3, 16, 1 and 9 labels, shared among
 * the ranks. Rank 0 prints loss, labels, gradient norm and the loss of a validation. `npx node labels.ranks.ts SETTINGS`
 */
import { CpuEngine } from '../engine/cpu/cpuEngine.ts';
import { namedConfig } from '../model/config.ts';
import { alone } from '../mpi/group.ts';
import { joinRanks } from '../ranks/join.ts';
import { initialise } from '../run/initialise.ts';
import { shareFacts } from './pace.ts';
import { joined, rowOf, smallSettings } from './testing.ts';
import { Trainer } from './trainer.ts';

const member = await joinRanks();
const group = member ?? alone;
const { shardOptimizer, ...choices } = JSON.parse(process.argv[2]!);
const settings = smallSettings({ ...choices, warmup: 0 });
const config = namedConfig('tiny', { vocabSize: 280, layers: 2, hiddenSize: 32, intermediateSize: 48 });
const rows = [3, 16, 1, 9].map((labelled) => rowOf(labelled, config.vocabSize));
const passes = Array.from({ length: settings.accumulation }, (_, pass) =>
  joined(rows.slice(pass * settings.batch, (pass + 1) * settings.batch)),
);

const engine = await CpuEngine.create({ threads: 0, poison: true });
const trainer = new Trainer({ engine, group, shardOptimizer, limitBytes: 2 ** 32 }, config, settings);
initialise(engine, trainer.specs, trainer.weights, 1);
await trainer.update.begin();

async function* validation() {
  yield* passes;
}
const validationLoss = await trainer.validate(validation());
const result = await trainer.step(passes.slice(...trainer.passes), 0, 0.01);
const facts = await shareFacts(group, { ...result, pace: 1, stop: false });
if (group.rank === 0) {
  const { gradientNorm } = result;
  const { labels, lossSum } = facts;
  console.log(JSON.stringify({ loss: lossSum / labels, labels, gradientNorm, validationLoss }));
}
await engine.dispose();
await member?.leave();
