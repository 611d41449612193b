/** What the page asks of the worker that computes, and what comes back. */
import type { LoadProgress } from '../../../src/languageModel.ts';
import type { AuditRow } from '../../../src/run/audit.ts';

/** `auto`: the fastest of the others that is there. */
export type EngineChoice = 'auto' | 'gpu' | 'threads' | 'single';

/** A model that is loaded, for people. */
export interface ModelCard {
  readonly name: string;
  readonly engine: Exclude<EngineChoice, 'auto'>;
  /** What computes, e.g. "WebAssembly, 4 threads", and why nothing faster does. */
  readonly engineName: string;
  readonly engineNote: string;
  readonly parameters: number;
  readonly layers: number;
  readonly width: number;
  readonly vocabulary: number;
  /** Bytes. */
  readonly weightBytes: number;
  readonly stateBytes: number;
  /** Made for chat: it has a template. */
  readonly chats: boolean;
}

export interface Sampling {
  readonly temperature: number;
  readonly maxTokens: number;
  readonly seed?: number;
}

export interface Written {
  readonly tokens: number;
  /** Of the model's own tokens, without reading the prompt. */
  readonly tokensPerSecond: number;
  readonly reason: 'stop' | 'length' | 'eos' | 'abort';
}

/** What a token did to the model, for the page that shows it. */
export interface Observation {
  readonly id: number;
  readonly text: string;
  /** [layers, width]: how much of the old state each channel keeps, 0 to 1. */
  readonly gates: Float32Array;
  /** [layers, width] */
  readonly state: Float32Array;
  /** What the model expects next, the likeliest first. */
  readonly next: readonly { readonly text: string; readonly probability: number }[];
}

export interface Anatomy {
  /** Operations of one token. */
  readonly total: AuditRow;
  readonly transformer: AuditRow;
  readonly rows: readonly AuditRow[];
  readonly layers: number;
  readonly width: number;
  readonly stateBytes: number;
  /** What one more token adds to the cache of a transformer of the same shape. */
  readonly cacheBytesPerToken: number;
  readonly matrices: readonly string[];
}

/** A part of a ternary matrix. */
export interface Ternary {
  readonly rows: number;
  readonly columns: number;
  /** −1, 0, +1, [shownRows, shownColumns] from the top left corner. */
  readonly codes: Int8Array;
  readonly shownRows: number;
  readonly shownColumns: number;
  /** Shares of the whole matrix. */
  readonly share: { readonly minus: number; readonly zero: number; readonly plus: number };
  readonly scale: number;
}

export interface Lesson {
  readonly text: string;
  readonly steps: number;
  readonly size: 'small' | 'medium';
  /** Samples begin with this. */
  readonly prompt: string;
  readonly engine: EngineChoice;
}

export type LessonEvent =
  | { readonly event: 'tokenizer'; readonly share: number }
  | {
      readonly event: 'begin';
      readonly tokens: number;
      readonly vocabulary: number;
      readonly parameters: number;
      readonly memory: number;
      readonly tokensPerStep: number;
      readonly engineName: string;
      readonly engineNote: string;
    }
  | {
      readonly event: 'step';
      readonly step: number;
      readonly loss: number;
      readonly tokensPerSecond: number;
    }
  | { readonly event: 'validation'; readonly step: number; readonly loss: number }
  | { readonly event: 'sample'; readonly step: number; readonly text: string };

/** method → what goes in, what is told on the way, what comes out. */
export interface Calls {
  load: {
    request: { readonly source: string; readonly engine: EngineChoice };
    event: LoadProgress;
    result: ModelCard;
  };
  /** Goes on with the chat, or, with `fresh`, begins another. */
  chat: {
    request: Sampling & { readonly message: string; readonly fresh: boolean };
    event: string;
    result: Written;
  };
  write: { request: Sampling & { readonly prompt: string }; event: string; result: Written };
  anatomy: { request: undefined; event: never; result: Anatomy };
  ternary: {
    request: { readonly name: string; readonly most: number };
    event: never;
    result: Ternary;
  };
  /** Reads the prompt, then goes on writing, a token at a time, until told to stop. */
  observe: {
    request: {
      readonly prompt: string;
      readonly tokens: number;
      /** Milliseconds that a token takes at least: eyes are slower than the model. */
      readonly pace: number;
    };
    event: Observation;
    result: undefined;
  };
  learn: { request: Lesson; event: LessonEvent; result: { readonly steps: number } };
  /** Writes with the model that `learn` made. */
  recite: { request: Sampling & { readonly prompt: string }; event: string; result: Written };
}

export type Method = keyof Calls;

export type ToWorker =
  | { readonly id: number; readonly method: Method; readonly request: unknown }
  | { readonly id: number; readonly stop: true };

export type FromWorker =
  | { readonly id: number; readonly event: unknown }
  | { readonly id: number; readonly result: unknown }
  /** `wrong`: the input is at fault, not the program. */
  | { readonly id: number; readonly error: string; readonly wrong: boolean };
