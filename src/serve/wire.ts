/** The output format shared by both kinds of completion. */
import { randomBytes } from 'node:crypto';
import type { FinishReason } from '../generate/generate.ts';
import type { AnswerEvent, AnswersRequest } from './answers.ts';
import { ApiError } from './apiError.ts';
import type { ChatFields, CompletionFields } from './fields.ts';
import { bytesPerListedToken } from './memory.ts';
import type { UsageFields } from './respond.ts';
import { type Runtime, systemFingerprint } from './runtime.ts';

/** A parsed request: the work to do, and the format of its answer. */
export interface Wire {
  readonly request: AnswersRequest;
  readonly stream: boolean;
  /** The stream's objects for an event. */
  chunks(event: AnswerEvent): object[];
  /** Whether events of a stream are named by their `type`, and the stream ends without `[DONE]`. */
  readonly isNamed?: true;
  /** The objects that end a stream. */
  ending(usage: UsageFields): object[];
  /** The whole answer; `chunks` has been called with every event. */
  whole(usage: UsageFields): object;
}

/**
 * Estimated bytes of an answer that is collected before it is sent; for a stream, only scored prompts are collected.
 * @throws ApiError if no client could have as much
 */
export function answerBytes({ requestMemory }: Runtime, { request, stream }: Wire): number {
  const { prompts, n, options, scored } = request;
  const listed = (logprobs: number | undefined) => (logprobs === undefined ? 0 : 1 + logprobs);
  const read = prompts.reduce((sum, { tokens }) => sum + tokens.length, 0) * listed(scored);
  const written = stream ? 0 : prompts.length * n * options.maxTokens * listed(options.logprobs);
  const found = read * n + written;
  const max = Math.floor(requestMemory.maxOfOne / bytesPerListedToken);
  if (found > max)
    throw new ApiError(400, `logprobs: found ${found} tokens to list, expected at most ${max}`, {
      param: 'logprobs',
    });
  return bytesPerListedToken * found;
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
