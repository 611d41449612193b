/** Objects that all requests share: the model with its scheduler, the caches, the limits. */
import type { EmbeddedModel } from '../library/embeddings.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';
import type { Forms } from './forms.ts';
import type { LongWork } from './longWork.ts';
import type { MemoryGuard, RequestMemory } from './memory.ts';
import type { Measurements } from './metrics.ts';
import type { NamedPrefixes } from './namedPrefixes.ts';
import type { Preambles } from './preambles.ts';
import type { PromptEncoder } from './promptEncoder.ts';
import type { KeptResponses } from './responses.ts';
import type { Scheduler } from './scheduler.ts';
import type { SessionStore } from './sessionStore.ts';
import type { StateSigner } from './signedState.ts';
import type { StateCache } from './stateCache.ts';

export interface Limits {
  /** Maximum bytes of a request's body. */
  readonly bodyBytes: number;
  /** Maximum bytes that all requests together may hold: their bodies and the answers that are collected for them. */
  readonly requestBytes: number;
  /** Maximum tokens of a prompt. */
  readonly promptTokens: number;
  /** Maximum tokens of a whole sequence, prompt and answer: Infinity for models that do not attend. */
  readonly contextTokens: number;
  /** Maximum tokens of an answer. */
  readonly maxTokens: number;
  /** Maximum prompts times choices of one request. */
  readonly choices: number;
  /** Maximum seconds of a request, from its first byte to the end of its answer. */
  readonly requestSeconds: number;
  /** Maximum seconds that a client may leave an answer unread. */
  readonly stallSeconds: number;
}

/** Facts about the model in `/v1/models`, besides its name. */
export interface ModelDetails {
  readonly architecture: string;
  readonly parameters: number;
  readonly vocabulary: number;
  readonly hidden_size: number;
  readonly layers: number;
  /** Null for models that do not attend, which have none. */
  readonly context_length: number | null;
  readonly chat_template: boolean;
}

export interface Runtime {
  readonly modelName: string;
  readonly details: ModelDetails;
  /** 32 bytes: SHA-256 of the model's files. */
  readonly modelHash: Uint8Array;
  /** Seconds since 1970. */
  readonly created: number;
  readonly scheduler: Scheduler;
  readonly cache: StateCache;
  readonly signer: StateSigner;
  /** Absent if the server keeps no sessions. */
  readonly sessions: SessionStore | undefined;
  /** Absent without a folder for states. */
  readonly prefixes: NamedPrefixes | undefined;
  readonly tokenizer: TextTokenizer;
  readonly encoder: PromptEncoder;
  readonly longWork: LongWork;
  readonly forms: Forms;
  readonly preambles: Preambles;
  readonly responses: KeptResponses;
  readonly embedded: EmbeddedModel;
  readonly limits: Limits;
  readonly metrics: Measurements;
  readonly requestMemory: RequestMemory;
  /** Absent if the size of the process is not bounded. */
  readonly guard: MemoryGuard | undefined;
}

/** Value of `system_fingerprint`: identifies the model. */
export function systemFingerprint({ modelHash }: Pick<Runtime, 'modelHash'>): string {
  return `fp_${Buffer.from(modelHash.subarray(0, 6)).toString('hex')}`;
}
