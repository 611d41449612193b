/**
 * One measurement of llama.cpp in its own process, by the protocol of inferenceCase.ts:
 * npx node bench/llamaCppCase.ts MODEL.gguf THREADS LIBRARY. Prints JSON. LIBRARY is the URL of node-llama-cpp's entry.
 * None of our code is loaded, so that resident memory is llama.cpp's.
 */
import './begin.ts';
import {
  decodeTokens,
  type InferenceResult,
  promptOf,
  promptRounds,
  promptTokens,
  warmTokens,
} from './protocol.ts';
import { median } from './statistics.ts';

/** The used part of node-llama-cpp, which need not be installed. */
interface Library {
  getLlama(options: object): Promise<Llama>;
}
interface Llama {
  readonly gpu: string | false;
  loadModel(options: object): Promise<Model>;
  dispose(): Promise<void>;
}
interface Model {
  /** Metadata as a tree: `general.architecture` and, under its name, `vocab_size`. */
  readonly fileInfo: { readonly metadata: Readonly<Record<string, Readonly<Record<string, unknown>>>> };
  createContext(options: object): Promise<Context>;
}
interface Context {
  readonly currentThreads: number;
  getSequence(): Sequence;
}
interface Sequence {
  clearHistory(): Promise<void>;
  evaluate(tokens: readonly number[], options: object): AsyncGenerator<number>;
  controlledEvaluate(
    input: readonly (number | [number, object])[],
  ): Promise<readonly ({ next: { logits: Map<number, number> } } | undefined)[]>;
}

export type LlamaCppResult = Omit<InferenceResult, 'bytesPerToken'>;

async function measureLlamaCpp(
  { getLlama }: Library,
  modelPath: string,
  threads: number,
): Promise<LlamaCppResult> {
  const start = performance.now();
  // Without a limit for all contexts together, a context gets the threads that it asks for.
  const llama = await getLlama({ gpu: false, build: 'never', maxThreads: 0, logLevel: 'error' });
  if (llama.gpu) throw new Error(`llama.cpp runs on ${llama.gpu}, expected the CPU`);
  const model = await llama.loadModel({ modelPath, gpuLayers: 0 });
  const contextSize = promptTokens + decodeTokens;
  const context = await model.createContext({ threads, contextSize, batchSize: promptTokens });
  const loadMilliseconds = performance.now() - start;

  const { metadata } = model.fileInfo;
  const vocabSize = Number(metadata[`${metadata.general?.architecture}`]?.vocab_size);
  const prompt = promptOf(vocabSize);
  const sequence = context.getSequence();
  await checkLogits(sequence, prompt.slice(0, 24), vocabSize);
  const { tokens, times, cores } = await decode(sequence, prompt.slice(0, warmTokens));
  checkThreads(context.currentThreads, cores, threads);
  const invalid = tokens.find((token) => !(token >= 0 && token < vocabSize));
  if (invalid !== undefined)
    throw new Error(`llama.cpp decoded ${invalid}, expected an id below ${vocabSize}`);
  const residentBytes = process.memoryUsage().rss;
  const promptTimes: number[] = [];
  for (let round = 0; round < promptRounds; round++) promptTimes.push(await timePrompt(sequence, prompt));
  await llama.dispose();
  return {
    loadMilliseconds,
    residentBytes,
    decodeTokensPerSecond: 1000 / median(times),
    promptTokensPerSecond: (1000 * promptTokens) / median(promptTimes),
    tokens,
  };
}

/** Greedy, and not stopped by the end-of-text token, which random weights may choose. */
const greedy = { temperature: 0, yieldEogToken: true };

/** The tokens after the prompt, milliseconds for each but the first, and the mean number of busy cores. */
async function decode(sequence: Sequence, prompt: readonly number[]) {
  await sequence.clearHistory();
  const generated = sequence.evaluate(prompt, greedy);
  const tokens = [(await generated.next()).value as number];
  const times: number[] = [];
  const used = process.cpuUsage();
  for (let i = 0; i < decodeTokens; i++) {
    const before = performance.now();
    const { value } = await generated.next();
    times.push(performance.now() - before);
    tokens.push(value as number);
  }
  const { user, system } = process.cpuUsage(used);
  const cores = (user + system) / 1000 / times.reduce((sum, time) => sum + time, 0);
  await generated.return(undefined);
  return { tokens, times, cores };
}

/** Milliseconds until the token after the prompt is known. */
async function timePrompt(sequence: Sequence, prompt: readonly number[]): Promise<number> {
  await sequence.clearHistory();
  const before = performance.now();
  const generated = sequence.evaluate(prompt, greedy);
  await generated.next();
  const time = performance.now() - before;
  await generated.return(undefined);
  return time;
}

/** A model that was misread gives NaN, or the same logit everywhere. */
async function checkLogits(sequence: Sequence, prompt: readonly number[], vocabSize: number): Promise<void> {
  const last: [number, object] = [prompt.at(-1)!, { generateNext: { logits: true } }];
  const results = await sequence.controlledEvaluate([...prompt.slice(0, -1), last]);
  const logits = [...results.at(-1)!.next.logits.values()];
  if (logits.length !== vocabSize || !logits.every(Number.isFinite) || new Set(logits).size < 2) {
    throw new Error(
      `llama.cpp: found ${logits.length} logits such as ${logits.slice(0, 4).join(', ')}, ` +
        `expected ${vocabSize} finite ones that differ`,
    );
  }
}

/** Fewer busy cores than threads may come from a busy machine; more cannot. */
function checkThreads(set: number, cores: number, expected: number): void {
  if (set !== expected || cores > expected + 0.5) {
    throw new Error(
      `llama.cpp: found ${set} threads and ${cores.toFixed(1)} busy cores, expected ${expected}`,
    );
  }
}

if (import.meta.main) {
  const [modelPath, threads, library] = process.argv.slice(2);
  const result = await measureLlamaCpp(await import(library!), modelPath!, Number(threads));
  console.log(JSON.stringify(result));
}
