/** The work and the report of every contender, so that their rows can be compared. */
export const warmTokens = 8;
export const decodeTokens = 64;
export const promptTokens = 512;
export const promptRounds = 1;

/** Meaningless ids: the weights are random, too. */
export function promptOf(vocabSize: number, length = promptTokens): number[] {
  return Array.from({ length }, (_, i) => (i * 7919 + 13) % vocabSize);
}

export interface InferenceResult {
  readonly loadMilliseconds: number;
  readonly residentBytes: number;
  /** Bytes of packed matrices that one token reads. */
  readonly bytesPerToken: number;
  readonly decodeTokensPerSecond: number;
  readonly promptTokensPerSecond: number;
  /** The greedy continuation of the prompt. */
  readonly tokens: readonly number[];
}

export interface Contender {
  readonly engine: string;
  /** One measurement in its own process, which the signal ends. */
  measure(threads: number, signal?: AbortSignal): Promise<InferenceResult>;
}

export const ours = 'PlusMinus';
/** The same in a Node that fuses pairs of WebAssembly's vectors to 256 bits, by an experimental flag of V8. */
export const oursFused = 'PlusMinus, vectors fused';
