/** What the two kinds of completion have in common on their way out. */
import { randomBytes } from 'node:crypto';
import type { FinishReason } from '../generate/generate.ts';
import type { AnswerEvent, AnswersRequest } from './answers.ts';
import type { ChatFields, CompletionFields } from './fields.ts';
import { type Runtime, systemFingerprint } from './runtime.ts';

/** A request, understood: what to compute, and how to tell it. */
export interface Wire {
  readonly request: AnswersRequest;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** The objects that a stream sends for an event. */
  chunks(event: AnswerEvent): object[];
  /** The stream's object with the usage. */
  usageChunk(usage: object): object;
  /** The whole answer; `chunks` has been called with every event. */
  whole(): object;
}

export interface Envelope {
  readonly id: string;
  readonly object: string;
  readonly created: number;
  readonly model: string;
  readonly system_fingerprint: string;
}

export function envelopeOf(runtime: Runtime, prefix: string, object: string): Envelope {
  return {
    id: `${prefix}-${randomBytes(12).toString('hex')}`,
    object,
    created: Math.floor(Date.now() / 1000),
    model: runtime.modelName,
    system_fingerprint: systemFingerprint(runtime),
  };
}

export function finishReason(reason: FinishReason): 'stop' | 'length' {
  return reason === 'length' ? 'length' : 'stop';
}

export function wantsUsage(fields: CompletionFields | ChatFields): boolean {
  return fields.stream_options?.include_usage === true;
}
