/** The paper's form of the model: what it stores, that it learns, and that it decodes as it reads. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CpuEngine } from '../src/engine/cpu/cpuEngine.ts';
import { bytesOf, readFloats } from '../src/engine/engine.ts';
import { ReferenceEngine } from '../src/engine/reference/referenceEngine.ts';
import { architectureOf } from '../src/model/architecture.ts';
import { namedConfig } from '../src/model/config.ts';
import { Weights } from '../src/model/weights.ts';
import { settingsVector } from '../src/ops/adamw/adamw.ts';
import { initialise } from '../src/run/initialise.ts';
import { RecurrentReader } from '../src/run/recurrentReader.ts';
import { Turns } from '../src/run/turns.ts';
import { recordLoss, recordTrainingStep } from '../src/train/step.ts';

const config = {
  ...namedConfig('tiny', { vocabSize: 40, variant: 'paper' }),
  hiddenSize: 48,
  layers: 2,
  intermediateSize: 80,
};
const architecture = architectureOf(config);
const specs = architecture.parameters();
const ids = Int32Array.from({ length: 30 }, (_, i) => (i * i + 3) % 40);
const labels = ids.map((_, i) => (i % 15 === 14 ? -1 : ids[i + 1]!));

describe('the paper form', () => {
  let engine: CpuEngine;
  beforeAll(async () => {
    engine = await CpuEngine.create({ threads: 2, poison: true });
  });
  afterAll(() => engine.dispose());

  it('has biases on the four projections of the mixer and no lower bounds', () => {
    const names = specs.map(({ name }) => name);
    expect(names.filter((name) => name.endsWith('.bias'))).toHaveLength(4 * config.layers);
    expect(names.some((name) => name.includes('lower_bounds') || name.includes('g_norm'))).toBe(false);
  });

  it('gives the loss of the reference engine, and learns', async () => {
    const losses: number[] = [];
    for (const machine of [new ReferenceEngine(), engine]) {
      const weights = new Weights(specs, 'training');
      initialise(machine, specs, weights, 3);
      const step = recordTrainingStep(
        architecture,
        weights,
        { batch: 2, length: 15, accumulation: 1 },
        () => 0,
      );
      machine.write(step.inputs[0]!.ids, bytesOf(ids));
      machine.write(step.inputs[0]!.labels, bytesOf(labels));
      const executable = machine.load(step.program);
      for (let i = 1; i <= 8; i++) {
        const rates = { learningRate: 0.01, beta1: 0.9, beta2: 0.95, epsilon: 1e-8 };
        machine.write(step.settings, bytesOf(settingsVector({ ...rates, step: i, maxNorm: 1 })));
        await executable.run();
        losses.push((await readFloats(machine, step.losses[0]!))[0]!);
      }
    }
    const [reference, cpu] = [losses.slice(0, 8), losses.slice(8)];
    expect(cpu[0]).toBeCloseTo(reference[0]!, 4);
    cpu.forEach((loss, i) => expect(loss).toBeCloseTo(reference[i]!, 1)); // rounding flips a few ternary weights
    expect(cpu[7]).toBeLessThan(cpu[0]! - 0.5);
  });

  it('decodes token by token as it reads a whole text', async () => {
    const weights = new Weights(specs, 'training');
    initialise(engine, specs, weights, 3);
    const inference = new RecurrentReader({
      ...{ engine, architecture, weights: weights },
      ...{ vocabulary: config.vocabSize, turns: new Turns() },
    });
    const whole = await inference.run([...ids], inference.newState(), 'all');
    const state = inference.newState();
    const single: number[] = [];
    for (const id of ids) single.push(...(await inference.run([id], state, 'all')));
    expect(Float32Array.from(single)).toEqual(whole);
  });

  it('reports the same validation loss as the training step', async () => {
    const weights = new Weights(specs, 'training');
    initialise(engine, specs, weights, 3);
    const {
      program,
      ids: idTensor,
      labels: labelTensor,
      loss,
    } = recordLoss(architecture, weights, { batch: 2, length: 15 });
    engine.write(idTensor, bytesOf(ids));
    engine.write(labelTensor, bytesOf(labels));
    await engine.load(program).run();
    expect((await readFloats(engine, loss))[0]).toBeCloseTo(Math.log(40), 0);
  });
});
