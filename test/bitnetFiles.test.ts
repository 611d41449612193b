/** BitNet and Llama checkpoints in the forms in which they are published, and converted by this project. */
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { convertCheckpoint } from '../src/checkpoint/convert.ts';
import { randomCheckpoint } from '../src/checkpoint/random.ts';
import { SafetensorsFile } from '../src/checkpoint/safetensors.ts';
import { LanguageModel } from '../src/languageModel.ts';
import { architectureOf } from '../src/model/architecture.ts';
import { namedConfig } from '../src/model/config.ts';

const golden = (name: string) => fileURLToPath(new URL(`fixtures/golden/${name}`, import.meta.url));

async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'plusminus-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder as `microsoft/bitnet-b1.58-2B-4T` is laid out: packed weights, and a config that says so. */
async function publishedFolder(parent: string): Promise<string> {
  const folder = join(parent, 'published');
  await mkdir(folder);
  await copyFile(join(golden('bitnet-tiny'), 'packed.safetensors'), join(folder, 'model.safetensors'));
  const config = JSON.parse(await readFile(join(golden('bitnet-tiny'), 'config.json'), 'utf8'));
  const quantization_config = {
    quant_method: 'bitnet',
    linear_class: 'autobitlinear',
    quantization_mode: 'offline',
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, quantization_config }));
  return folder;
}

async function expectedLogits(name: string): Promise<{ tokens: number[]; logits: Float32Array }> {
  const file = await SafetensorsFile.open(join(golden(name), 'expected.safetensors'));
  const ids = new Int32Array((await file.read('input_ids')).slice().buffer);
  const logits = new Float32Array((await file.read('logits')).slice().buffer);
  await file.close();
  const length = ids.length / 2;
  return { tokens: [...ids.subarray(0, length)], logits: logits.subarray(0, logits.length / 2) };
}

async function logitsOf(folder: string, tokens: readonly number[]): Promise<Float32Array> {
  const model = await LanguageModel.load(folder, { threads: 1 });
  try {
    return (await model.forward(tokens)).logits;
  } finally {
    await model.dispose();
  }
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((max, value, i) => Math.max(max, Math.abs(value - b[i]!)), 0);
}

describe('BitNet checkpoints', () => {
  it('packed as published give the logits of the float ones', async () => {
    const { tokens, logits } = await expectedLogits('bitnet-tiny');
    const found = await logitsOf(await publishedFolder(await scratch()), tokens);
    expect(largestDifference(found, logits)).toBeLessThan(2e-4);
  });

  it('packed here have the codes and scales of the published ones, and say so in their config', async () => {
    const folder = await scratch();
    await convertCheckpoint(golden('bitnet-tiny'), join(folder, 'packed'), { to: 'packed' });
    const [ours, theirs] = await Promise.all(
      [join(folder, 'packed', 'model.safetensors'), join(golden('bitnet-tiny'), 'packed.safetensors')].map(
        (path) => SafetensorsFile.open(path),
      ),
    );
    expect([...ours!.tensors.keys()].sort()).toEqual([...theirs!.tensors.keys()].sort());
    for (const [name, { dtype }] of theirs!.tensors) {
      const [a, b] = [await ours!.read(name), await theirs!.read(name)];
      if (dtype === 'U8') expect(a, name).toEqual(b);
      else {
        // Sums of magnitudes in another order.
        const [x, y] = [new Float32Array(a.slice().buffer), new Float32Array(b.slice().buffer)];
        expect(largestDifference(x, y), name).toBeLessThan(1e-7);
      }
    }
    await Promise.all([ours!.close(), theirs!.close()]);
    const config = JSON.parse(await readFile(join(folder, 'packed', 'config.json'), 'utf8'));
    expect(config.quantization_config).toMatchObject({ quantization_mode: 'offline' });
    const { tokens, logits } = await expectedLogits('bitnet-tiny');
    expect(largestDifference(await logitsOf(join(folder, 'packed'), tokens), logits)).toBeLessThan(2e-4);
  });

  it('packed ones become floats that are quantised to the same model', async () => {
    const folder = await scratch();
    const published = await publishedFolder(folder);
    await convertCheckpoint(published, join(folder, 'floats'), { to: 'f32' });
    const config = JSON.parse(await readFile(join(folder, 'floats', 'config.json'), 'utf8'));
    expect(config.quantization_config).toMatchObject({ quantization_mode: 'online' });
    const { tokens, logits } = await expectedLogits('bitnet-tiny');
    expect(largestDifference(await logitsOf(join(folder, 'floats'), tokens), logits)).toBeLessThan(2e-4);
  });
});

describe('ternary Llama checkpoints, whose scales divide', () => {
  // Positions before the first rounding tie: see golden.test.ts.
  const compared = 38 * 160;

  it.each(['packed', 'f32'] as const)('converted to %s keep their logits', async (to) => {
    const folder = join(await scratch(), to);
    await convertCheckpoint(golden('falcon-tiny'), folder, { to });
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
    // What is written says that its scales multiply.
    expect(config.quantization_config).toEqual({
      quant_method: 'bitnet',
      linear_class: 'autobitlinear',
      quantization_mode: to === 'packed' ? 'offline' : 'online',
    });
    const { tokens, logits } = await expectedLogits('falcon-tiny');
    const found = await logitsOf(folder, tokens);
    expect(largestDifference(found.subarray(0, compared), logits.subarray(0, compared))).toBeLessThan(2e-4);
  });

  it('with biases are packed with scales that divide: the other class would scale the biases', async () => {
    const folder = await scratch();
    const sizes = { layers: 1, hiddenSize: 32, intermediateSize: 48, vocabSize: 50 };
    const llama = namedConfig('tiny', { ...sizes, architecture: 'llama' });
    const projections = { kind: 'ternary', normEpsilon: null, exceptions: ['lm_head'] } as const;
    const config = { ...llama, projections, mlpBias: true };
    await randomCheckpoint(join(folder, 'packed'), config, architectureOf(config).parameters(), { seed: 5 });
    const json = JSON.parse(await readFile(join(folder, 'packed', 'config.json'), 'utf8'));
    expect(json.quantization_config).toMatchObject({ linear_class: 'bitlinear' });
    await convertCheckpoint(join(folder, 'packed'), join(folder, 'floats'), { to: 'f32' });
    await convertCheckpoint(join(folder, 'floats'), join(folder, 'again'), { to: 'packed' });
    const logits = await logitsOf(join(folder, 'packed'), [1, 2, 3]);
    for (const name of ['floats', 'again'])
      expect(largestDifference(await logitsOf(join(folder, name), [1, 2, 3]), logits)).toBeLessThan(1e-5);
  });

  it('without a list of float modules keep their head as it is', async () => {
    const folder = await scratch();
    await cp(golden('falcon-tiny'), folder, { recursive: true });
    const path = join(folder, 'config.json');
    const config = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...config, quantization_config: { quant_method: 'bitnet' } }));
    const { tokens } = await expectedLogits('falcon-tiny');
    expect(await logitsOf(folder, tokens)).toEqual(await logitsOf(golden('falcon-tiny'), tokens));
  });
});

describe('Llama checkpoints', () => {
  // 8 bits of a weight are kept in bf16 and 11 in f16: logits of a few units move in the second or third digit.
  it.each([
    ['f32', 2e-4],
    ['f16', 1e-2],
    ['bf16', 1e-1],
  ] as const)('in %s give the logits to its precision', async (to, tolerance) => {
    const folder = await scratch();
    await convertCheckpoint(golden('llama-tiny'), join(folder, to), { to });
    const { tokens, logits } = await expectedLogits('llama-tiny');
    expect(largestDifference(await logitsOf(join(folder, to), tokens), logits)).toBeLessThan(tolerance);
  });

  it('are not packed: there is nothing ternary in them', async () => {
    const target = join(await scratch(), 'packed');
    await expect(convertCheckpoint(golden('llama-tiny'), target, { to: 'packed' })).rejects.toThrow(
      /q_proj.weight": entry \[0, 1\]: found .*, because only matrices that are ternary or binary can be packed; convert to f32/,
    );
  });
});

describe('models that tie embedding and head', () => {
  it.each(['llama', 'bitnet'] as const)(
    '%s: run, with or without a copy of the head in the file',
    async (architecture) => {
      const folder = await scratch();
      const sizes = { layers: 1, hiddenSize: 32, intermediateSize: 48, vocabSize: 50 };
      const untied = namedConfig('tiny', { ...sizes, architecture });
      const config = { ...untied, tieWordEmbeddings: true };
      const specs = architectureOf(config).parameters();
      expect(specs.some(({ name }) => name === 'lm_head.weight')).toBe(false);
      await randomCheckpoint(join(folder, 'tied'), config, specs, { seed: 5 });
      const found = await logitsOf(join(folder, 'tied'), [1, 2, 3]);
      expect(found.length).toBe(150);
      // The same weights with a head of its own that happens to be another: it is ignored, as Hugging Face does.
      await randomCheckpoint(join(folder, 'copy'), config, architectureOf(untied).parameters(), { seed: 5 });
      expect(await logitsOf(join(folder, 'copy'), [1, 2, 3])).toEqual(found);
    },
  );
});
