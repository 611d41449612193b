/** The messages between the page and the worker that computes. */
import type { LoadProgress } from '../../../src/languageModel.ts';
import type { AuditRow } from '../../../src/run/audit.ts';
import type { MemoryRoom } from '../../../src/run/room.ts';
import type { NamedBytes } from '../tar.ts';

/** `auto`: the fastest available of the others. */
export type EngineChoice = 'auto' | 'gpu' | 'threads' | 'single';

/** A loaded model, for display. */
export interface ModelCard {
  readonly name: string;
  /** Identifies the checkpoint. */
  readonly fingerprint: number;
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
  /** Attends to earlier tokens, so that its memory of a conversation grows. */
  readonly attends: boolean;
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
  /** From the model's own tokens on, without reading the prompt. */
  readonly tokensPerSecond: number;
  readonly reason: 'stop' | 'length' | 'eos' | 'abort';
}

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

/** Part of an answer, or how far a long message is read. */
export type ChatEvent = { readonly text: string } | { readonly read: number; readonly total: number };

export interface Answered extends Written {
  /** The answer was cut off, and the model can continue it. */
  readonly canContinue: boolean;
}

/** The effect of a token on the model, for the page that shows it. */
export interface Observation {
  readonly id: number;
  readonly text: string;
  /** [layers, width]: how much of the old state each channel keeps, 0 to 1. */
  readonly gates: Float32Array;
  /** [layers, width] */
  readonly state: Float32Array;
  /** The most probable next tokens, the most probable first. */
  readonly next: readonly Candidate[];
}

export interface Candidate {
  readonly text: string;
  readonly probability: number;
}

/** A row of the forget gate's matrix in a layer, at the last token of a text, with all numbers around it. */
export interface Explanation {
  readonly tokens: readonly { readonly id: number; readonly text: string }[];
  /** From 0. */
  readonly layer: number;
  readonly row: number;
  readonly layers: number;
  readonly width: number;
  /** Of the last token. */
  readonly embedding: Float32Array;
  /** What the layer reads. */
  readonly input: Float32Array;
  /** The input, normalised, as integers. */
  readonly integers: Int8Array;
  /** What one of the integers is worth. */
  readonly step: number;
  /** −1, 0, +1: the row. */
  readonly codes: Int8Array;
  /** Of the matrix. */
  readonly scale: number;
  /** What the engine got for the row. */
  readonly forgetInput: number;
  /** The gate never keeps less. */
  readonly bound: number;
  /** The gate: 0 to 1. */
  readonly keep: number;
  /** The new value, of which 1 − keep is added. */
  readonly candidate: number;
  /** The state of the row before and after the token, as the engine has it. */
  readonly before: number;
  readonly after: number;
  /** What leaves the unit. */
  readonly unit: number;
  readonly next: readonly Candidate[];
}

export interface Anatomy {
  /** Operations of one token. */
  readonly total: AuditRow;
  readonly transformer: AuditRow;
  readonly rows: readonly AuditRow[];
  readonly layers: number;
  readonly width: number;
  readonly stateBytes: number;
  /** Bytes that one more token adds to the cache of a transformer of the same shape. */
  readonly cacheBytesPerToken: number;
  readonly matrices: readonly string[];
  /** Its states have forget gates, which can be watched. */
  readonly gated: boolean;
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

export interface TrainingRequest {
  readonly text: string;
  readonly steps: number;
  readonly size: 'small' | 'medium';
  /** Samples begin with this. */
  readonly prompt: string;
  readonly engine: EngineChoice;
}

export type TrainingEvent =
  | { readonly event: 'tokenizer'; readonly share: number }
  | {
      readonly event: 'begin';
      readonly tokens: number;
      readonly vocabulary: number;
      readonly parameters: number;
      readonly memory: number;
      readonly tokensPerStep: number;
      readonly steps: number;
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

export interface ExportedModel {
  /** Updates that its weights have had. */
  readonly steps: number;
  readonly parameters: number;
  readonly files: readonly NamedBytes[];
}

/** Files of a model, under a name that the reader gave. */
export interface NamedFiles {
  readonly name: string;
  readonly files: readonly File[];
}

/** An address or a name, or the reader's files. */
export type Source = string | readonly File[] | NamedFiles;

/** method → request, event, result. */
export interface Calls {
  load: {
    request: { readonly source: Source; readonly engine: EngineChoice };
    event: LoadProgress | MemoryRoom;
    result: ModelCard;
  };
  /** Answers a message in the chat. */
  chat: { request: Sampling & { readonly message: string }; event: ChatEvent; result: Answered };
  /** Writes more of an answer that was cut off. */
  continueChat: { request: Sampling; event: ChatEvent; result: Answered };
  /** Takes back the message at this index of the chat, and everything after it. */
  rewindChat: { request: { readonly index: number }; event: never; result: undefined };
  newChat: { request: undefined; event: never; result: undefined };
  /** The chat with the model's state, as text, and its messages. */
  saveChat: {
    request: undefined;
    event: never;
    result: { readonly saved: string; readonly messages: readonly ChatMessage[] };
  };
  /**
   * Continues a chat: from `saved`, if this model wrote it, otherwise from its messages, which are read again with the
   * next message.
   */
  openChat: {
    request: { readonly saved: string | undefined; readonly messages: readonly ChatMessage[] };
    event: never;
    result: undefined;
  };
  write: { request: Sampling & { readonly prompt: string }; event: string; result: Written };
  anatomy: { request: undefined; event: never; result: Anatomy };
  ternary: {
    request: { readonly name: string; readonly max: number };
    event: never;
    result: Ternary;
  };
  /** Reads the prompt, then generates token by token, until stopped. */
  observe: {
    request: {
      readonly prompt: string;
      readonly tokens: number;
      /** Minimum milliseconds per token, so that the reader can follow. */
      readonly pace: number;
    };
    event: Observation;
    result: undefined;
  };
  /** Reads a text and explains its last token. */
  explain: {
    request: { readonly text: string; readonly layer: number; readonly row: number };
    event: never;
    result: Explanation;
  };
  train: { request: TrainingRequest; event: TrainingEvent; result: { readonly steps: number } };
  /** Continues a training that was stopped, at the step where it stopped. */
  resumeTraining: { request: undefined; event: TrainingEvent; result: { readonly steps: number } };
  /** The files of the trained model, packed. */
  exportTrained: { request: undefined; event: never; result: ExportedModel };
  /** Generates with the model that `train` made. */
  writeTrained: { request: Sampling & { readonly prompt: string }; event: string; result: Written };
}

export type Method = keyof Calls;

export type ToWorker =
  | { readonly id: number; readonly method: Method; readonly request: unknown }
  | { readonly id: number; readonly stop: true };

export type FromWorker =
  | { readonly id: number; readonly event: unknown }
  | { readonly id: number; readonly result: unknown }
  /** `wrong`: the error is in the input, not in the program. */
  | { readonly id: number; readonly error: string; readonly wrong: boolean };
