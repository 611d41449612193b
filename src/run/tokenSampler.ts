/**
 * Draws tokens on the device: a program reads the token drawn last and draws the next one, several times per run, while
 * the host waits only for their ids.
 */
import { bytesOf, type Engine, type Executable } from '../engine/engine.ts';
import {
  type SampleSettings,
  type SampleState,
  sample,
  sampleState,
  settingsOf,
} from '../ops/sample/sample.ts';
import { record } from '../program/record.ts';
import type { Tensor } from '../program/tensor.ts';
import { addTo, checkDrawn, fitWords } from './drawing.ts';
import type { NextTokens } from './sequenceReader.ts';
import type { Turns } from './turns.ts';

export class TokenSampler {
  readonly #engine: Engine;
  readonly #sampling: SampleState;
  /** A bit for each token that the repetition penalty applies to, as on the device; undefined: it is off. */
  #seen: Uint32Array | undefined;

  constructor(engine: Engine, vocabulary: number) {
    this.#engine = engine;
    this.#sampling = sampleState(vocabulary, engine.samplesAhead);
  }

  /** Records a program that draws one token. @param logits records those after the token that is given */
  record(logits: (next: Tensor, position: Tensor) => Tensor) {
    return record('a token, sampled', () => {
      const { next, position } = this.#sampling;
      sample(logits(next, position), this.#sampling);
    });
  }

  /** @param history tokens that the repetition penalty applies to */
  begin(history: readonly number[], settings: SampleSettings): void {
    const { seen, allowed } = this.#sampling;
    this.#seen = settings.repetitionPenalty === 1 ? undefined : new Uint32Array(seen.size);
    this.see(history);
    this.#engine.write(allowed, bytesOf(new Int32Array(allowed.size).fill(-1)));
    this.#engine.write(this.#sampling.settings, bytesOf(settingsOf(settings)));
  }

  /** Takes tokens as if they had been drawn. */
  see(tokens: readonly number[]): void {
    if (!this.#seen) return;
    for (const id of tokens) addTo(this.#seen, id);
    this.#engine.write(this.#sampling.seen, bytesOf(this.#seen));
  }

  /** Limits the next tokens, until they are limited in another way. */
  limit(allowed: Uint32Array): void {
    const { allowed: tensor } = this.#sampling;
    this.#engine.write(tensor, bytesOf(fitWords(allowed, tensor.size)));
  }

  /** Sets the token that is read next, and its position in the sequence. */
  setLast(token: number, position = 0): void {
    this.#engine.write(this.#sampling.next, bytesOf(Int32Array.of(token)));
    this.#engine.write(this.#sampling.position, bytesOf(Int32Array.of(position)));
  }

  /**
   * Draws one token per random number, at most `samplesAhead`.
   * @param executable a recorded program
   * @throws NumericalError if a logit is not finite
   */
  async next(executable: Executable, uniforms: readonly number[]): Promise<Int32Array> {
    const { turn, tokens } = this.#sampling;
    const padded = new Float32Array(this.#sampling.uniforms.size);
    padded.set(uniforms);
    this.#engine.write(this.#sampling.uniforms, bytesOf(padded));
    this.#engine.write(turn, bytesOf(Int32Array.of(0)));
    const drawn = new Int32Array(tokens.size);
    await executable.run([{ tensor: tokens, target: bytesOf(drawn) }], undefined, uniforms.length);
    const found = drawn.subarray(0, uniforms.length);
    checkDrawn(Math.min(...found));
    if (this.#seen) for (const id of found) addTo(this.#seen, id);
    return found;
  }
}

/** What a generation on the device asks of its caller. */
export interface Drawing {
  readonly random: () => number;
  readonly signal: AbortSignal | undefined;
  readonly limit: (() => NextTokens) | undefined;
}

/** Milliseconds that a batch may take: a reader sees its tokens at once. */
const longestBatch = 50;

/**
 * Batches of ids without end. The first is one token, so that it arrives early; the next ones double, as far as the device is
 * fast enough.
 * @param draw draws one token per random number
 */
export async function* batchesOf(
  { engine, turns }: { readonly engine: Engine; readonly turns: Turns },
  { random, signal, limit }: Drawing,
  draw: (uniforms: readonly number[], next: NextTokens | undefined) => Promise<Int32Array>,
): AsyncGenerator<Int32Array, never> {
  for (let ahead = 1; ; ) {
    signal?.throwIfAborted();
    const uniforms = Array.from({ length: ahead }, random);
    const next = limit?.();
    let milliseconds = 0;
    yield await turns.take(async () => {
      const start = performance.now();
      const drawn = await draw(uniforms, next);
      milliseconds = performance.now() - start;
      return drawn;
    });
    const inTime = Math.max(Math.floor((longestBatch * ahead) / milliseconds), 1);
    ahead = limit ? 1 : Math.min(2 * ahead, engine.samplesAhead, inTime);
  }
}
