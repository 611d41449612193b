/** One training measurement: npx node bench/trainingCase.ts SIZE THREADS. Prints JSON. */
import './begin.ts';
import { CpuEngine } from '../src/engine/cpu/cpuEngine.ts';
import { bytesOf, readFloats } from '../src/engine/engine.ts';
import { architectureOf } from '../src/model/architecture.ts';
import { namedConfig } from '../src/model/config.ts';
import { Weights } from '../src/model/weights.ts';
import { settingsVector } from '../src/ops/adamw/adamw.ts';
import { elementCount } from '../src/program/tensor.ts';
import { initialise } from '../src/run/initialise.ts';
import { recordTrainingStep } from '../src/train/step.ts';
import { median } from './statistics.ts';

/** The released form with widths 256 and 768, 6 layers, on batches of 8 × 256 tokens. */
const cases = {
  '5M': { ...namedConfig('mini', { vocabSize: 512 }), intermediateSize: 768 },
  '7M': { ...namedConfig('mini', { vocabSize: 4096 }), intermediateSize: 768 },
};
export type TrainingCase = keyof typeof cases;

export interface TrainingResult {
  /** The engine's, with its threads and native kernels. */
  readonly description: string;
  readonly parameters: number;
  readonly tokensPerSecond: number;
  /** Counts 6 operations for each parameter and token, as is usual. */
  readonly gigaflops: number;
  readonly temporaryBytes: number;
  readonly losses: readonly number[];
  /** Of one more step, each kernel in a phase of its own. */
  readonly millisecondsByKernel: Readonly<Record<string, number>>;
}

const [batch, length, rounds] = [8, 256, 5];

export async function measureTraining(name: TrainingCase, threads: number): Promise<TrainingResult> {
  const config = cases[name];
  const architecture = architectureOf(config);
  const specs = architecture.parameters();
  const engine = await CpuEngine.create({ threads });
  const weights = new Weights(specs, 'training');
  initialise(engine, specs, weights, 1);
  const step = recordTrainingStep(architecture, weights, { batch, length, accumulation: 1 }, () => 0.1);
  const executable = engine.load(step.program);
  const ids = Int32Array.from({ length: batch * length }, (_, i) => (i * 7919) % config.vocabSize);
  engine.write(step.inputs[0]!.ids, bytesOf(ids));
  engine.write(step.inputs[0]!.labels, bytesOf(ids.map((id) => (id + 7919) % config.vocabSize)));
  const times: number[] = [];
  const losses: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const settings = {
      learningRate: 1e-3,
      beta1: 0.9,
      beta2: 0.95,
      epsilon: 1e-8,
      step: round + 1,
      maxNorm: 1,
    };
    engine.write(step.settings, bytesOf(settingsVector(settings)));
    const start = performance.now();
    await executable.run();
    if (round > 0) times.push(performance.now() - start);
    losses.push((await readFloats(engine, step.losses[0]!))[0]!);
  }
  const millisecondsByKernel: Record<string, number> = {};
  for (const { kernel, milliseconds } of await executable.profile())
    millisecondsByKernel[kernel] = (millisecondsByKernel[kernel] ?? 0) + milliseconds;
  await engine.dispose();
  if (!(losses.at(-1)! < losses[0]!)) throw new Error(`training does not learn: losses ${losses.join(', ')}`);
  const parameters = specs.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const tokensPerSecond = (1000 * batch * length) / median(times);
  return {
    description: engine.description,
    parameters,
    tokensPerSecond,
    gigaflops: (6 * parameters * tokensPerSecond) / 1e9,
    temporaryBytes: executable.plan.peakBytes,
    ...{ losses, millisecondsByKernel },
  };
}

if (import.meta.main) {
  const [name, threads] = process.argv.slice(2);
  console.log(JSON.stringify(await measureTraining(name as TrainingCase, Number(threads))));
}
