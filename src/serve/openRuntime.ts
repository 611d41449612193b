/** Loads a model for serving. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import fs from 'node:fs/promises';
import { basename, join } from 'node:path';
import { findModelFolder, openFile } from '#platform';
import { isWeightFile } from '../checkpoint/modelFiles.ts';
import { chooseEngine } from '../engine/engines.ts';
import { InputError } from '../errors.ts';
import { FolderLock } from '../folderLock.ts';
import type { LoadOptions, ModelParts } from '../languageModel.ts';
import { loadModel } from '../loadModel.ts';
import type { Architecture } from '../model/architecture.ts';
import { attends } from '../model/config.ts';
import { ggufParts, isGguf } from '../platform/ggufPaths.ts';
import { Embedder } from '../run/embedder.ts';
import type { RunnableModel } from '../run/model.ts';
import { sequenceReader, slotBytes, slotModel } from '../run/readers.ts';
import type { MemoryRoom } from '../run/room.ts';
import type { BatchSizes, SlotModel } from '../run/slotModel.ts';
import { SlotsOneByOne } from '../run/slotsOneByOne.ts';
import { Turns } from '../run/turns.ts';
import { Forms } from './forms.ts';
import { LongWork } from './longWork.ts';
import { MemoryGuard, memoryShares, RequestMemory } from './memory.ts';
import { Measurements } from './metrics.ts';
import { NamedPrefixes } from './namedPrefixes.ts';
import { ownSecret } from './ownSecret.ts';
import { Preambles } from './preambles.ts';
import { PromptEncoder } from './promptEncoder.ts';
import { ResponseFiles } from './responseFiles.ts';
import { KeptResponses } from './responses.ts';
import type { Limits, ModelDetails, Runtime } from './runtime.ts';
import { Scheduler } from './scheduler.ts';
import { SessionStore } from './sessionStore.ts';
import { StateSigner } from './signedState.ts';
import { StateCache } from './stateCache.ts';
import type { StateOwner } from './stateFile.ts';
import { StateFiles } from './stateFiles.ts';

export interface RuntimeOptions extends LoadOptions {
  /** Name of the model for clients; default: the name of its folder. */
  readonly name?: string | undefined;
  /** Sequences decoded in one batch; default 64. */
  readonly slots?: number | undefined;
  /** Sequences that may wait for a slot; default 256. */
  readonly maxWaiting?: number | undefined;
  /** Disable batching, for measurements. */
  readonly oneByOne?: boolean | undefined;
  /** Max bytes of keys and values, over all sequences of a model that attends; default 256 MiB. */
  readonly keyValueBytes?: number | undefined;
  /** Bytes of memory for states of earlier texts; default 256 MB. */
  readonly cacheBytes?: number | undefined;
  /** Limit for the process in bytes, with all of the server: caches and requests share what the model leaves. */
  readonly memoryBytes?: number | undefined;
  /** A folder for states that no longer fit in memory, and its size. */
  readonly cacheFolder?: string | undefined;
  readonly cacheFolderBytes?: number | undefined;
  /** A folder for sessions; without one, none are stored. */
  readonly sessions?: string | undefined;
  /** A folder for named prefixes and the states of responses, and its size, of which each may take half; default 1 GB. */
  readonly states?: string | undefined;
  readonly statesBytes?: number | undefined;
  /** The key that signs states; the same on all replicas. Default: a new random key. */
  readonly secret?: Uint8Array | undefined;
  readonly limits?: Partial<Limits> | undefined;
}

export interface OpenRuntime extends Runtime {
  /** The engine, for display. */
  readonly engine: string;
  close(): Promise<void>;
}

const standardLimits: Limits = {
  bodyBytes: 2 ** 20,
  requestBytes: 2 ** 29,
  promptTokens: 32_768,
  contextTokens: Number.POSITIVE_INFINITY,
  maxTokens: 4096,
  choices: 32,
  requestSeconds: 600,
  stallSeconds: 30,
};

/** Maximum tokens of one step, unless there are more slots. */
const tokensOfStep = 256;

/** @throws InputError as `LanguageModel.load` does, and if the model has no tokenizer */
export async function openRuntime(source: string, options: RuntimeOptions): Promise<OpenRuntime> {
  const { threads, kvCacheType, onProgress, onMemory, signal, memoryBytes } = options;
  const engine = await chooseEngine(options.engine, { threads });
  // Without a worker thread the engine would compute on the thread that answers requests.
  const load = {
    ...{ engine, threads: threads === 0 ? 1 : threads, kvCacheType, onProgress, signal },
    onMemory(room: MemoryRoom) {
      // A GPU's memory is not the process's.
      if (memoryBytes !== undefined && engine === 'cpu')
        memoryShares(memoryBytes, process.memoryUsage.rss() + room.needed);
      onMemory?.(room);
    },
  };
  const stateBytes = (architecture: Architecture) =>
    options.oneByOne ? 0 : slotBytes(architecture, sizesOf(options));
  const folder = await findModelFolder(source, {
    onProgress: (progress) => onProgress?.({ phase: 'download', ...progress }),
    signal,
  });
  const lock = await lockOf(options.sessions);
  let parts: ModelParts | undefined;
  const close = async () => {
    await parts?.engine.dispose();
    await lock?.release();
  };
  try {
    const modelHash = await hashOf(folder);
    parts = await loadModel(source, load, stateBytes);
    const name = options.name ?? nameOf(source, folder);
    return await assemble(parts, { ...options, name, modelHash, close });
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(
  parts: ModelParts,
  options: RuntimeOptions & {
    readonly name: string;
    readonly modelHash: Uint8Array;
    readonly close: () => Promise<void>;
  },
): Promise<OpenRuntime> {
  const { config, tokenizer, engine, fingerprint } = parts;
  if (!tokenizer) throw new InputError('this model has no tokenizer.json, which serving needs');
  const { modelHash } = options;
  const { maxWaiting = 256, cacheFolder, cacheFolderBytes = 4e9, memoryBytes } = options;
  const metrics = new Measurements();
  const runnable = runnableOf(parts);
  const model = slotsOf(runnable, options);
  const longWork = new LongWork();
  const scheduler = new Scheduler(model, {
    vocabulary: config.vocabSize,
    ...{ maxWaiting, longWork },
    onStep: (report) => metrics.step(report),
  });
  const stateSize = (await model.save(0)).length;
  const secret = options.secret ?? (await ownSecret(options.sessions ?? options.states));
  const signer = new StateSigner(secret, modelHash, { fingerprint, vocabulary: config.vocabSize, stateSize });
  const files =
    cacheFolder === undefined
      ? undefined
      : await StateFiles.open(cacheFolder, { bytes: cacheFolderBytes, model: modelHash, stateSize });
  const shares = memoryBytes === undefined ? undefined : memoryShares(memoryBytes, process.memoryUsage.rss());
  const cache = new StateCache(Math.min(options.cacheBytes ?? 256e6, shares?.cacheBytes ?? Infinity), files);
  const guard = memoryBytes === undefined ? undefined : new MemoryGuard(memoryBytes, () => cache.shrink());
  const { sessions } = options;
  const limits = {
    ...standardLimits,
    requestBytes: Math.min(standardLimits.requestBytes, shares?.requestBytes ?? Infinity),
    ...(attends(config) && { contextTokens: config.maxPositionEmbeddings }),
    ...options.limits,
  };
  metrics.watch(scheduler, cache);
  const stored = await openStates(options, { cache, signer, model: modelHash, stateSize });
  return {
    modelName: options.name,
    details: detailsOf(parts),
    modelHash,
    created: Math.floor(Date.now() / 1000),
    ...{ scheduler, cache, signer, tokenizer, metrics, longWork },
    sessions:
      sessions === undefined ? undefined : await SessionStore.open({ folder: sessions, signer, max: 10_000 }),
    limits,
    ...{ requestMemory: new RequestMemory(limits.requestBytes), guard },
    encoder: new PromptEncoder(tokenizer, limits, longWork),
    forms: new Forms(tokenizer),
    preambles: new Preambles(),
    prefixes: stored?.prefixes,
    responses: new KeptResponses(Math.min(64e6, shares?.cacheBytes ?? Infinity), stored?.responses),
    embedded: { embedder: new Embedder(runnable), reader: sequenceReader(runnable), config },
    engine: `${engine.name} (${engine.description})`,
    async close() {
      await files?.flush();
      await stored?.responses.flush();
      guard?.close();
      await options.close();
    },
  };
}

/** The folder of states that outlive the process: named prefixes, and those after responses. */
async function openStates(
  { states, statesBytes = 1e9 }: RuntimeOptions,
  { cache, signer, ...owner }: StateOwner & { cache: StateCache; signer: StateSigner },
) {
  if (states === undefined) return undefined;
  const bytes = statesBytes / 2;
  return {
    prefixes: await NamedPrefixes.open({ folder: join(states, 'prefixes'), bytes, cache, ...owner }),
    responses: await ResponseFiles.open({ folder: join(states, 'responses'), bytes, signer }),
  };
}

function detailsOf({ config, architecture, tokenizer }: ModelParts): ModelDetails {
  const sizes = architecture
    .parameters()
    .map(({ shape }) => shape.reduce((product, size) => product * size, 1));
  return {
    architecture: config.modelType,
    parameters: sizes.reduce((sum, size) => sum + size, 0),
    vocabulary: config.vocabSize,
    hidden_size: config.hiddenSize,
    layers: config.layers,
    context_length: attends(config) ? config.maxPositionEmbeddings : null,
    chat_template: tokenizer?.chatTemplate !== undefined,
  };
}

function runnableOf({ engine, architecture, weights, config }: ModelParts): RunnableModel {
  return { engine, architecture, weights, vocabulary: config.vocabSize, turns: new Turns() };
}

/** Advances the sequences of all requests. */
function slotsOf(model: RunnableModel, options: RuntimeOptions): SlotModel {
  const sizes = sizesOf(options);
  return options.oneByOne ? new SlotsOneByOne(sequenceReader(model), sizes) : slotModel(model, sizes);
}

function sizesOf({ slots = 64, keyValueBytes }: RuntimeOptions): BatchSizes {
  return { slots, maxTokens: Math.max(slots, tokensOfStep), cacheBytes: keyValueBytes };
}

/** SHA-256 of the model's files: config, weights, tokenizer. */
async function hashOf(folder: string): Promise<Uint8Array> {
  const hash = createHash('sha256');
  if (isGguf(folder)) {
    for await (const part of bytesOfParts(folder)) hash.update(part);
    return hash.digest();
  }
  const names = (await fs.readdir(folder)).sort();
  for (const name of names) {
    if (!isWeightFile(name) && !/^(config\.json|tokenizer\.(json|model))$/.test(name)) continue;
    hash.update(`${name}\0`);
    for await (const part of createReadStream(join(folder, name))) hash.update(part as Buffer);
  }
  return hash.digest();
}

async function* bytesOfParts(path: string): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(2 ** 22);
  for (const part of ggufParts(path)) {
    const file = await openFile(part);
    if (!file) throw new InputError(`${part}: no such file; expected a part of the model`);
    try {
      for (let at = 0, count = 1; count > 0; at += count) {
        count = await file.read(buffer, at);
        yield buffer.subarray(0, count);
      }
    } finally {
      await file.close();
    }
  }
}

function nameOf(source: string, folder: string): string {
  return /^[\w.-]+\/[\w.:-]+$/.test(source) && !folder.endsWith(source)
    ? source
    : basename(folder).replace(/\.gguf$/i, '');
}

/** Two servers on one folder would overwrite turns that the other has acknowledged. */
async function lockOf(sessions: string | undefined): Promise<FolderLock | undefined> {
  if (sessions === undefined) return undefined;
  await fs.mkdir(sessions, { recursive: true, mode: 0o700 });
  return FolderLock.take(sessions);
}
