/** Loads a model folder: engine, parameters, tokenizer. */
import { findModelFolder } from '#platform';
import { Checkpoint } from './checkpoint/checkpoint.ts';
import { loadParameters, storedForms } from './checkpoint/load.ts';
import type { Engine } from './engine/engine.ts';
import { createEngine, engineKind } from './engine/engines.ts';
import { InputError } from './errors.ts';
import { Checksum } from './generate/checksum.ts';
import { refuseUnknown } from './generate/samplingOptions.ts';
import { expectFunctions, expectSignal } from './given.ts';
import type { LoadOptions, ModelParts } from './languageModel.ts';
import { type ModelSource, openSource } from './library/source.ts';
import { type Architecture, architectureOf, kvCacheTypes } from './model/architecture.ts';
import type { ModelConfig } from './model/config.ts';
import { identityOf } from './model/identity.ts';
import { Weights, weightsStoredAs } from './model/weights.ts';
import { folderAddress, setKernelFolder } from './platform/kernelFolder.ts';
import { expectRoom } from './run/room.ts';
import { EngineParameterStore } from './run/store.ts';
import { TextTokenizer } from './text/tokenizer.ts';

export async function loadModel(
  source: ModelSource,
  options: LoadOptions,
  stateBytes?: EngineLoadOptions['stateBytes'],
): Promise<ModelParts> {
  checkOptions(options);
  const { engine, threads } = options;
  const { name, release } = openSource(source);
  try {
    return await loadIntoEngine(name, () => createEngine(engine, { threads }), { ...options, stateBytes });
  } finally {
    release();
  }
}

export interface EngineLoadOptions extends Omit<LoadOptions, 'engine' | 'threads' | 'kernels'> {
  /** Bytes of the states that will be kept on the engine; default: those of a first sequence. */
  readonly stateBytes?: ((architecture: Architecture) => number) | undefined;
}

/** Like `loadModel`, with the caller's engine, which is created once the model is found. */
export async function loadIntoEngine(
  source: string,
  createEngine: () => Promise<Engine>,
  options: EngineLoadOptions,
): Promise<ModelParts> {
  const { onProgress, signal, revision, cacheDir, token } = options;
  const folder = await findModelFolder(source, {
    ...{ revision, cacheDir, token },
    onProgress: (progress) => onProgress?.({ phase: 'download', ...progress }),
    signal,
  });
  const checkpoint = await Checkpoint.open(folder);
  try {
    const tokenizer = await TextTokenizer.loadIfPresent(folder);
    tokenizer?.checkFits(checkpoint.config.vocabSize, folder);
    const engine = await createEngine();
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

async function loadInto(
  engine: Engine,
  checkpoint: Checkpoint,
  { onProgress, onMemory, stateBytes, kvCacheType, signal }: EngineLoadOptions,
) {
  const { config } = checkpoint;
  const architecture = architectureOf(config, { kvCacheType });
  const specs = architecture.parameters();
  signal?.throwIfAborted();
  const planned = weightsStoredAs(specs, storedForms(checkpoint, specs));
  const room = expectRoom({ architecture, weights: planned }, engine, stateBytes?.(architecture));
  onMemory?.(room);
  const store = new EngineParameterStore(engine, (dtypes) => new Weights(specs, 'inference', dtypes));
  await loadParameters(checkpoint, specs, store, {
    mode: 'inference',
    onProgress: (progress) => onProgress?.({ phase: 'load', ...progress }),
    signal,
  });
  const weights = store.weights();
  const fingerprint = fingerprintOf(config, store);
  return { config, architecture, engine, weights, fingerprint, usedBytes: () => engine.usedBytes };
}

/** Names of the options of `LanguageModel.load`. */
export const loadOptions = [
  ...[
    'engine',
    'threads',
    'kvCacheType',
    'onProgress',
    'onMemory',
    'signal',
    'revision',
    'cacheDir',
    'token',
    'kernels',
  ],
] as const;

function checkOptions(options: LoadOptions): void {
  refuseUnknown(options, loadOptions);
  const { engine, threads, kvCacheType, kernels, onProgress, onMemory, signal } = options;
  expectFunctions({ onProgress, onMemory });
  expectSignal(signal);
  if (engine !== undefined && engine !== 'auto') engineKind(engine);
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 0 && threads <= 256)) {
    throw new InputError(`threads: found ${threads}, expected an integer from 0 (no workers) to 256`);
  }
  if (kvCacheType !== undefined && !kvCacheTypes.includes(kvCacheType)) {
    throw new InputError(`kvCacheType: found ${kvCacheType}, expected ${kvCacheTypes.join(', ')}`);
  }
  for (const name of ['revision', 'cacheDir', 'token'] as const) {
    const value: unknown = options[name];
    if (value !== undefined && typeof value !== 'string') {
      throw new InputError(`${name}: found ${typeof value}, expected a text`);
    }
  }
  if (kernels !== undefined) setKernelFolder(folderAddress(kernels));
}

/** The checksum that identifies a model: its config, tensor names and shapes, and the first bytes of each tensor. */
function fingerprintOf(config: ModelConfig, store: EngineParameterStore): number {
  const checksum = new Checksum();
  const text = (value: unknown) => checksum.add(new TextEncoder().encode(JSON.stringify(value)));
  text(identityOf(config));
  for (const { name, shape } of store.weights().all()) {
    text([name, shape]);
    checksum.add(store.beginning(name));
  }
  return checksum.value;
}
