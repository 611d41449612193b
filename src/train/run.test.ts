import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeOnGpu } from '../../test/engines.ts';
import { temporaryFolder } from '../checkpoint/testing.ts';
import { bytesOf, OutOfMemoryError } from '../engine/engine.ts';
import type { WebGpuEngine } from '../engine/webgpu/webgpuEngine.ts';
import { initialise } from '../run/initialise.ts';
import type { Batch } from '../text/batches.ts';
import { readLog } from './log.ts';
import { Run } from './run.ts';
import { readRunFile } from './runFile.ts';
import type { TrainingChoices } from './settings.ts';
import { dataOf, joined, rowOf, smallConfig, smallSettings, stateFiles, withMachine } from './testing.ts';
import { DivergenceError, Trainer } from './trainer.ts';

interface Trained {
  readonly on?: number | 'webgpu';
  readonly choices?: TrainingChoices;
}

/** A new run that calls `onStep` after each update. */
async function trainNew(
  folder: string,
  { on, choices }: Trained,
  onStep = (_: Run) => {},
  signal?: AbortSignal,
) {
  const data = await dataOf(folder);
  const settings = smallSettings(choices);
  return withMachine(async (machine) => {
    const run = await Run.create(folder, { config: smallConfig(data), settings, data }, machine);
    try {
      return await run.train({ signal, onLine: ({ event }) => event === 'step' && onStep(run) });
    } finally {
      await run.close();
    }
  }, on);
}

async function resume(folder: string, steps?: number) {
  return withMachine(async (machine) => {
    const run = await Run.resume(folder, machine, steps);
    const outcome = await run.train();
    await run.close();
    return outcome;
  });
}

const size = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1);

/** Replaces the first number of an f32 tensor of a safetensors file. */
async function overwriteFirst(path: string, name: string, value: number) {
  const bytes = await readFile(path);
  const header = Number(bytes.readBigUInt64LE(0));
  const { [name]: tensor } = JSON.parse(bytes.toString('utf8', 8, 8 + header));
  bytes.writeFloatLE(value, 8 + header + tensor.data_offsets[0]);
  await writeFile(path, bytes);
}

/** Log lines without what a clock says. */
async function logOf(folder: string) {
  const lines = await readLog(join(folder, 'log.jsonl'));
  return lines.map((line) => ({ ...line, time: 0, tokensPerSecond: 0 }));
}

describe('a training run', () => {
  it('interrupted after any step and resumed, ends with the same bits and the same log', async () => {
    const folder = await temporaryFolder();
    const whole = join(folder, 'whole');
    expect(await trainNew(whole, {})).toBe('finished');
    const expected = await stateFiles(whole);
    expect(Object.keys(expected)).toEqual(['model.safetensors', 'optimizer-6.safetensors']);
    for (let stop = 0; stop < 6; stop++) {
      const parts = join(folder, `stopped-${stop}`);
      const controller = new AbortController();
      if (stop === 0) controller.abort();
      const stopThere = (run: Run) => run.step === stop && controller.abort();
      expect(await trainNew(parts, {}, stopThere, controller.signal)).toBe('interrupted');
      expect(await resume(parts)).toBe('finished');
      expect(await stateFiles(parts), `stopped after ${stop}`).toEqual(expected);
      expect(await logOf(parts), `stopped after ${stop}`).toEqual(await logOf(whole));
    }
  });

  it('that meets with itself alone, and takes the mean as it is, reaches the same bits', async () => {
    const folder = await temporaryFolder();
    const [plain, local] = [join(folder, 'plain'), join(folder, 'local')];
    await trainNew(plain, {});
    await trainNew(local, { choices: { localSteps: 2, outerLearningRate: 1, outerMomentum: 0 } });
    const name = 'model.safetensors';
    expect((await stateFiles(local))[name]).toEqual((await stateFiles(plain))[name]);
  });

  it('killed between checkpoints, continues from the last one without a duplicate line', async () => {
    const folder = await temporaryFolder();
    await trainNew(join(folder, 'whole'), {});
    const crash = (run: Run) => {
      if (run.step === 5) throw new Error('power failure');
    };
    await expect(trainNew(join(folder, 'killed'), {}, crash)).rejects.toThrow('power failure');
    expect(Object.keys(await stateFiles(join(folder, 'killed')))).toContain('optimizer-4.safetensors');
    await resume(join(folder, 'killed'));
    // An end that lies behind is refused, and the run file stays.
    const runFile = () => readFile(join(folder, 'killed', 'training.json'), 'utf8');
    const before = await runFile();
    await expect(resume(join(folder, 'killed'), 3)).rejects.toThrow(/found 3, but the run is at step 6/);
    expect(await runFile()).toBe(before);
    expect(await stateFiles(join(folder, 'killed'))).toEqual(await stateFiles(join(folder, 'whole')));
    const log = await logOf(join(folder, 'killed'));
    expect(log.filter(({ event }) => event === 'step').map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(log.filter(({ event }) => event === 'validation').map(({ step }) => step)).toEqual([0, 3, 6]);
  });

  it('gives the same bits on one thread, two, and the calling one', async () => {
    const folder = await temporaryFolder();
    for (const on of [0, 1, 2]) await trainNew(join(folder, String(on)), { on });
    const one = await stateFiles(join(folder, '1'));
    expect(await stateFiles(join(folder, '0'))).toEqual(one);
    expect(await stateFiles(join(folder, '2'))).toEqual(one);
  });

  it('accumulating two passes is training on a batch twice as large, within rounding', async () => {
    const folder = await temporaryFolder();
    const choices = { validation: 0, steps: 4 };
    await trainNew(join(folder, 'large'), { choices: { ...choices, batch: 4 } });
    await trainNew(join(folder, 'passes'), { choices: { ...choices, batch: 2, accumulation: 2 } });
    const [large, passes] = [await logOf(join(folder, 'large')), await logOf(join(folder, 'passes'))];
    expect(passes.map(({ event }) => event)).toEqual(Array(4).fill('step'));
    // A weight on the border of two ternary values may round either way, so losses drift apart slowly.
    passes.forEach(({ loss }, k) => {
      expect(loss).toBeCloseTo(large[k]!.loss, k === 0 ? 5 : 2);
    });
  });

  it('divides by all labels of an update, however they are spread over passes', async () => {
    const folder = await temporaryFolder();
    const data = await dataOf(folder);
    const config = smallConfig(data);
    const rows = [3, 16].map((labelled) => rowOf(labelled, config.vocabSize));
    const trainOn = (choices: TrainingChoices, batches: readonly Batch[]) =>
      withMachine(async (machine) => {
        const trainer = new Trainer(machine, config, smallSettings({ ...choices, warmup: 0 }));
        initialise(machine.engine, trainer.specs, trainer.weights, 1);
        await trainer.update.begin();
        const { lossSum, labels, gradientNorm } = await trainer.step(batches, 0, 0.01);
        return { loss: lossSum / labels, labels, gradientNorm };
      });
    const whole = await trainOn({ batch: 2 }, [joined(rows)]);
    expect(whole.labels).toBe(19);
    for (const ordered of [false, true]) {
      const passes = await trainOn({ batch: 1, accumulation: 2, ordered }, rows);
      expect(passes.labels).toBe(19);
      expect(passes.loss).toBeCloseTo(whole.loss, 5);
      expect(passes.gradientNorm).toBeCloseTo(whole.gradientNorm, 4);
    }
    await data.shards.close();
  });

  it('learns: the loss of a text that repeats falls from ln(vocabulary) to almost none', async () => {
    const folder = await temporaryFolder();
    const choices = {
      steps: 120,
      length: 32,
      batch: 4,
      learningRate: 0.02,
      validateEvery: 1000,
      saveEvery: 1000,
    };
    await trainNew(folder, { choices });
    const lines = await logOf(folder);
    expect(lines[0]!.loss).toBeGreaterThan(5);
    const last = lines.at(-1)!;
    expect(last).toMatchObject({ event: 'validation', step: 120 });
    expect(last.loss).toBeLessThan(0.5);
  });

  it('stops at a loss that is not a number and keeps the last good checkpoint', async () => {
    const folder = await temporaryFolder();
    const spoil = ({ step, trainer }: Run) => {
      if (step === 3)
        trainer.engine.write(trainer.weights.get('model.norm.weight'), bytesOf(Float32Array.of(Number.NaN)));
    };
    await expect(trainNew(folder, {}, spoil)).rejects.toThrow(DivergenceError);
    expect(Object.keys(await stateFiles(folder))).toEqual(['model.safetensors', 'optimizer-2.safetensors']);
    await expect(trainNew(await temporaryFolder(), {}, spoil)).rejects.toThrow(
      /step 4: found loss NaN .* lower learning rate/,
    );
    expect(await resume(folder)).toBe('finished');
  });

  it.each([
    ['model.norm.weight.m', Number.NaN],
    ['model.norm.weight.m', Number.POSITIVE_INFINITY],
    ['model.norm.weight.v', Number.NaN],
    ['model.norm.weight.v', -1],
  ])('refuses a checkpoint whose %s holds %d, and keeps the weights', async (name, value) => {
    const folder = await temporaryFolder();
    const stop = new AbortController();
    await trainNew(folder, {}, (run) => run.step === 2 && stop.abort(), stop.signal);
    await overwriteFirst(join(folder, 'optimizer-2.safetensors'), name, value);
    const before = await stateFiles(folder);
    await expect(resume(folder)).rejects.toThrow(`tensor "${name}": found ${value} at 0, expected a finite`);
    expect(await stateFiles(folder)).toEqual(before);
  });

  it('does not save weights or moments that are not finite', async () => {
    for (const name of ['model.norm.weight', 'moment']) {
      const folder = await temporaryFolder();
      const spoil = ({ step, trainer }: Run) => {
        const spoilt = name === 'moment' ? trainer.update.restored(1)[0] : undefined;
        const value = bytesOf(new Float32Array(spoilt ? size(spoilt.shape) : 32).fill(Number.NaN));
        if (step !== 4) return;
        if (spoilt) spoilt.write(value);
        else trainer.engine.write(trainer.weights.get(name), value);
      };
      await expect(trainNew(folder, {}, spoil)).rejects.toThrow(
        /step 4: .*holds NaN.*last checkpoint is kept/,
      );
      expect(Object.keys(await stateFiles(folder))).toEqual(['model.safetensors', 'optimizer-2.safetensors']);
      expect(await resume(folder)).toBe('finished');
    }
  });

  it('refuses to resume on other data; a run of an earlier version resumes with a notice', async () => {
    const folder = await temporaryFolder();
    const stop = new AbortController();
    await trainNew(folder, {}, (run) => run.step === 2 && stop.abort(), stop.signal);
    const shard = join(folder, 'tokens', 'tokens-00000.bin');
    const tokens = await readFile(shard);
    await writeFile(shard, Buffer.concat([tokens.subarray(64), tokens.subarray(0, 64)])); // of the same length
    const before = await stateFiles(folder);
    await expect(resume(folder)).rejects.toThrow(/tokens: found other tokens than the run was begun with/);
    expect(await stateFiles(folder)).toEqual(before);
    await writeFile(shard, tokens);
    const runFile = join(folder, 'training.json');
    const { dataHash, ...earlier } = JSON.parse(await readFile(runFile, 'utf8'));
    await writeFile(runFile, JSON.stringify(earlier));
    await withMachine(async (machine) => {
      const run = await Run.resume(folder, machine);
      expect(run.notices).toEqual([expect.stringContaining('kept no hash of its data')]);
      await run.close();
    });
    expect((await readRunFile(folder)).dataHash).toBe(dataHash);
    expect(await resume(folder)).toBe('finished');
  });

  it('can be made longer when it is resumed', async () => {
    const folder = await temporaryFolder();
    await trainNew(folder, {});
    await resume(folder, 8);
    expect(Object.keys(await stateFiles(folder))).toContain('optimizer-8.safetensors');
    expect((await logOf(folder)).map(({ step }) => step)).toEqual([0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 8]);
  });

  it('starts from the weights of a checkpoint', async () => {
    const folder = await temporaryFolder();
    const first = join(folder, 'first');
    await trainNew(first, { choices: { steps: 30, learningRate: 0.02 } });
    const data = await dataOf(join(folder, 'second'));
    const settings = smallSettings({ steps: 1 });
    await withMachine(async (machine) => {
      const run = await Run.create(
        join(folder, 'second'),
        { config: smallConfig(data), settings, data, from: first },
        machine,
      );
      expect((await run.validate())[0]!.loss).toBeCloseTo((await logOf(first)).at(-1)!.loss, 6);
      await run.close();
    });
  });

  it('says before anything is allocated what it needs, and refuses what does not fit', async () => {
    const folder = await temporaryFolder();
    await mkdir(folder, { recursive: true });
    const data = await dataOf(folder);
    await withMachine(async ({ engine }) => {
      const plan = { config: smallConfig(data), settings: smallSettings(), data };
      const create = (limitBytes: number) => Run.create(folder, plan, { engine, limitBytes });
      await expect(create(500_000)).rejects.toThrow(OutOfMemoryError);
      await expect(create(500_000)).rejects.toThrow(/training needs .* kB.*use a smaller model/);
      const { needs } = (await create(2 ** 30)).trainer;
      // Weights and two moments of four bytes, and a few kB of token ids and settings.
      expect(needs.variableBytes - needs.parameters * 12).toBeGreaterThan(0);
      expect(needs.variableBytes - needs.parameters * 12).toBeLessThan(2000);
    });
    await data.shards.close();
  });
});

describeOnGpu('a training run on WebGPU', () => {
  it('interrupted and resumed, ends with the same bits, and remembers its engine', async () => {
    const folder = await temporaryFolder();
    const [whole, parts] = [join(folder, 'whole'), join(folder, 'parts')];
    const settings = smallSettings({ steps: 3 });
    // One engine for all, since a GPU in software takes long to compile shaders.
    await withMachine(async (machine) => {
      for (const path of [whole, parts]) {
        const data = await dataOf(path);
        const config = { ...smallConfig(data), layers: 1 };
        const run = await Run.create(path, { config, settings, data }, machine);
        const controller = new AbortController();
        const onLine = () => path === parts && run.step === 1 && controller.abort();
        await run.train({ signal: controller.signal, onLine });
        await run.close();
      }
      expect((await readRunFile(parts)).engine).toBe('webgpu');
      const resumed = await Run.resume(parts, machine);
      expect(resumed.step).toBe(1);
      await resumed.train();
      await resumed.close();
    }, 'webgpu');
    expect(await stateFiles(parts)).toEqual(await stateFiles(whole));
    expect(await logOf(parts)).toEqual(await logOf(whole));
  });

  it('ends with a clear error when the device is lost, and continues from its last checkpoint on the CPU', async () => {
    const folder = await temporaryFolder();
    const data = await dataOf(folder);
    const config = { ...smallConfig(data), layers: 1 };
    await withMachine(async (machine) => {
      const settings = smallSettings({ steps: 4, saveEvery: 1 });
      const run = await Run.create(folder, { config, settings, data }, machine);
      const { device } = machine.engine as WebGpuEngine;
      const onLine = () => run.step === 2 && device.destroy();
      await expect(run.train({ onLine })).rejects.toThrow(/GPU device is lost.*--engine cpu/);
      await run.close();
    }, 'webgpu');
    await withMachine(async (machine) => {
      const run = await Run.resume(folder, machine);
      expect(run.step).toBe(1);
      expect(await run.train()).toBe('finished');
      await run.close();
    });
  });
});
