/** Opening a model folder in Node: engine, parameters, tokenizer. */
import fs from 'node:fs/promises';
import { Checkpoint } from './checkpoint/checkpoint.ts';
import { loadParameters } from './checkpoint/load.ts';
import { findModelFolder } from './checkpoint/modelSource.ts';
import { CpuEngine } from './engine/cpu/cpuEngine.ts';
import { InputError } from './errors.ts';
import { Checksum } from './generate/checksum.ts';
import type { LoadOptions, ModelParts } from './languageModel.ts';
import { architectureOf } from './model/architecture.ts';
import type { ModelConfig } from './model/config.ts';
import { CpuParameterStore } from './model/store.ts';
import { TextTokenizer } from './text/tokenizer.ts';

export async function loadModel(source: string, options: LoadOptions): Promise<ModelParts> {
  const { onProgress, signal } = options;
  checkOptions(options);
  const folder = await findModelFolder(source, {
    onProgress: (progress) => onProgress?.({ phase: 'download', ...progress }),
    signal,
  });
  const checkpoint = await Checkpoint.open(folder);
  try {
    const tokenizer = await loadTokenizer(folder);
    const engine = await CpuEngine.create({ threads: options.threads });
    try {
      return { ...(await loadInto(engine, checkpoint, options)), tokenizer };
    } catch (error) {
      await engine.dispose();
      throw error;
    }
  } finally {
    await checkpoint.close();
  }
}

async function loadInto(engine: CpuEngine, checkpoint: Checkpoint, { onProgress, signal }: LoadOptions) {
  const { config } = checkpoint;
  const architecture = architectureOf(config);
  const specs = architecture.parameters();
  const store = new CpuParameterStore(engine, specs, 'inference');
  await loadParameters(checkpoint, specs, store, {
    mode: 'inference',
    onProgress: (progress) => onProgress?.({ phase: 'load', ...progress }),
    signal,
  });
  const weights = store.weights();
  const fingerprint = fingerprintOf(config, store);
  return { config, architecture, engine, weights, fingerprint, usedBytes: () => engine.usedBytes };
}

const engines = ['auto', 'cpu', 'webgpu'];

function checkOptions({ engine = 'auto', threads, ...others }: LoadOptions): void {
  for (const name of Object.keys(others)) {
    if (name !== 'onProgress' && name !== 'signal') {
      throw new InputError(`${name}: no such option; known are engine, threads, onProgress, signal`);
    }
  }
  if (!engines.includes(engine)) {
    throw new InputError(`engine: found ${JSON.stringify(engine)}, expected ${engines.join(', ')}`);
  }
  if (engine === 'webgpu') {
    throw new InputError('engine: "webgpu" is not there yet; use --engine cpu (in code: engine: \'cpu\')');
  }
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 0 && threads <= 256)) {
    throw new InputError(`threads: found ${threads}, expected an integer from 0 (no workers) to 256`);
  }
}

async function loadTokenizer(folder: string): Promise<TextTokenizer | undefined> {
  const names = await fs.readdir(folder);
  const has = names.includes('tokenizer.json') || names.includes('tokenizer.model');
  return has ? TextTokenizer.load(folder) : undefined;
}

/** Bytes of each tensor that tell one model from another. */
const sampleBytes = 4096;

/** What a saved session names its model by: form, names and shapes, and the beginning of every tensor. */
function fingerprintOf({ modelType, variant, rmsNormEps }: ModelConfig, store: CpuParameterStore): number {
  const checksum = new Checksum();
  const text = (value: unknown) => checksum.add(new TextEncoder().encode(JSON.stringify(value)));
  text([modelType, variant, rmsNormEps]);
  for (const { name, shape } of store.weights().all()) {
    text([name, shape]);
    checksum.add(store.bytes(name).subarray(0, sampleBytes));
  }
  return checksum.value;
}
