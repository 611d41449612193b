/**
 * One inference measurement in its own process, so that resident memory is this model's alone:
 * npx node bench/inferenceCase.ts FOLDER THREADS. Prints JSON. Results are checked before anything is timed.
 */
import './begin.ts';
import { Checkpoint } from '../src/checkpoint/checkpoint.ts';
import { loadParameters } from '../src/checkpoint/load.ts';
import { CpuEngine } from '../src/engine/cpu/cpuEngine.ts';
import { architectureOf } from '../src/model/architecture.ts';
import { Weights } from '../src/model/weights.ts';
import { sequenceReader } from '../src/run/readers.ts';
import type { SequenceReader } from '../src/run/sequenceReader.ts';
import { EngineParameterStore } from '../src/run/store.ts';
import { Turns } from '../src/run/turns.ts';
import {
  decodeTokens,
  type InferenceResult,
  promptOf,
  promptRounds,
  promptTokens,
  warmTokens,
} from './protocol.ts';
import { median } from './statistics.ts';

/** In a function of its own, so that the file's header is not kept while tokens are computed. */
async function load(folder: string, threads: number) {
  const engine = await CpuEngine.create({ threads });
  const checkpoint = await Checkpoint.open(folder);
  // Keys and values as llama.cpp keeps them.
  const architecture = architectureOf(checkpoint.config, { kvCacheType: 'f16' });
  const store = new EngineParameterStore(
    engine,
    (dtypes) => new Weights(architecture.parameters(), 'inference', dtypes),
  );
  await loadParameters(checkpoint, architecture.parameters(), store, { mode: 'inference' });
  await checkpoint.close();
  return { engine, architecture, weights: store.weights(), vocabulary: checkpoint.config.vocabSize };
}

export async function measureInference(folder: string, threads: number): Promise<InferenceResult> {
  const start = performance.now();
  const { engine, architecture, weights, vocabulary } = await load(folder, threads);
  const loadMilliseconds = performance.now() - start;
  const inference = sequenceReader({ engine, architecture, weights, vocabulary, turns: new Turns() });
  const prompt = promptOf(vocabulary);
  await checkSplit(inference, prompt.slice(0, 24));
  const state = inference.newState();
  const logits = new Float32Array(vocabulary);
  const read = (tokens: readonly number[]) => inference.run(tokens, state, 'last', undefined, logits);
  let next = argmax(await read(prompt.slice(0, warmTokens)));
  const tokens = [next];
  const decodeTimes: number[] = [];
  for (let i = 0; i < decodeTokens; i++) {
    const before = performance.now();
    next = argmax(await read([next]));
    decodeTimes.push(performance.now() - before);
    tokens.push(next);
  }
  const residentBytes = process.memoryUsage().rss;
  const promptTimes: number[] = [];
  for (let round = 0; round < promptRounds; round++) {
    const before = performance.now();
    await inference.run(prompt, inference.newState(), 'last', undefined, logits);
    promptTimes.push(performance.now() - before);
  }
  await engine.dispose();
  const ternary = weights.all().filter(({ dtype }) => dtype === 'ternary');
  return {
    loadMilliseconds,
    residentBytes,
    bytesPerToken: ternary.reduce((sum, tensor) => sum + tensor.bytes, 0),
    decodeTokensPerSecond: 1000 / median(decodeTimes),
    promptTokensPerSecond: (1000 * promptTokens) / median(promptTimes),
    tokens,
  };
}

/** A prompt read at once and token by token must give the same logits, bit for bit. */
async function checkSplit(inference: SequenceReader, tokens: readonly number[]): Promise<void> {
  const whole = await inference.run(tokens, inference.newState(), 'last');
  const state = inference.newState();
  const last = new Float32Array(whole.length);
  for (const token of tokens) await inference.run([token], state, 'last', undefined, last);
  if (!whole.every((value, i) => value === last[i]))
    throw new Error('prompt and single tokens give different logits');
}

function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

if (import.meta.main) {
  const [folder, threads] = process.argv.slice(2);
  console.log(JSON.stringify(await measureInference(folder!, Number(threads))));
}
