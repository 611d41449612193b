/**
 * `plusminus/ai`: models for the AI SDK (`generateText`, `streamText`) that run in this process, without a server.
 * The types are structural, so that the library needs no package of the SDK.
 */
import { InputError } from '../errors.ts';
import type { ChatMessage } from '../generate/chatTemplate.ts';
import type { Finish, GenerateOptions } from '../generate/generate.ts';
import type { LanguageModel } from '../languageModel.ts';
import type { Completion } from './completion.ts';

/** The fields of the SDK's call that are read; those that the model cannot honour are reported as warnings. */
interface CallOptions {
  readonly prompt: readonly PromptMessage[];
  readonly maxOutputTokens?: number | undefined;
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  readonly topK?: number | undefined;
  readonly seed?: number | undefined;
  readonly stopSequences?: readonly string[] | undefined;
  readonly abortSignal?: AbortSignal | undefined;
  readonly presencePenalty?: number | undefined;
  readonly frequencyPenalty?: number | undefined;
  readonly responseFormat?: { readonly type: string } | undefined;
  readonly tools?: readonly unknown[] | undefined;
}

interface PromptMessage {
  readonly role: string;
  readonly content: string | readonly { readonly type: string; readonly text?: unknown }[];
}

interface Warning {
  type: 'unsupported';
  feature: string;
  details: string;
}

interface Ending {
  finishReason: { unified: 'stop' | 'length'; raw: string };
  usage: {
    inputTokens: { total: number; noCache: number; cacheRead: undefined; cacheWrite: undefined };
    outputTokens: { total: number; text: number; reasoning: undefined };
  };
}

type StreamPart =
  | { type: 'stream-start'; warnings: Warning[] }
  | { type: 'text-start' | 'text-end'; id: string }
  | { type: 'text-delta'; id: string; delta: string }
  | ({ type: 'finish' } & Ending)
  | { type: 'error'; error: unknown };

/** A language model as the AI SDK calls it (`LanguageModelV4`). */
export interface AiLanguageModel {
  readonly specificationVersion: 'v4';
  readonly provider: 'plusminus';
  readonly modelId: string;
  readonly supportedUrls: Record<string, never>;
  doGenerate(
    options: CallOptions,
  ): Promise<Ending & { content: { type: 'text'; text: string }[]; warnings: Warning[] }>;
  doStream(options: CallOptions): Promise<{ stream: ReadableStream<StreamPart> }>;
}

/**
 * Wraps a model for the AI SDK: `generateText({ model: plusminus(model), prompt: 'Hello' })`.
 * @param model loaded, or on its way; the caller disposes of it
 * @param modelId a name for logs. Default: `plusminus`
 */
export function plusminus(
  model: LanguageModel | PromiseLike<LanguageModel>,
  modelId = 'plusminus',
): AiLanguageModel {
  return {
    specificationVersion: 'v4',
    provider: 'plusminus',
    modelId,
    supportedUrls: {},
    async doGenerate(options) {
      const done = await (await model).complete(messagesOf(options), generateOptions(options));
      const content = [{ type: 'text' as const, text: done.text }];
      return { content, ...endingOf(done), warnings: warningsOf(options) };
    },
    async doStream(options) {
      return { stream: streamOf(await model, options) };
    },
  };
}

const id = 'text';

function streamOf(model: LanguageModel, options: CallOptions): ReadableStream<StreamPart> {
  let finish: Finish | undefined;
  const pieces = model.generate(messagesOf(options), {
    ...generateOptions(options),
    onFinish: (ended) => {
      finish = ended;
    },
  });
  return new ReadableStream<StreamPart>({
    start(controller) {
      controller.enqueue({ type: 'stream-start', warnings: warningsOf(options) });
      controller.enqueue({ type: 'text-start', id });
    },
    async pull(controller) {
      try {
        const { done, value } = await pieces.next();
        if (!done) return controller.enqueue({ type: 'text-delta', id, delta: value });
        const { reason: finishReason, tokens: completionTokens, promptTokens } = finish!;
        if (finishReason === 'abort') throw options.abortSignal!.reason;
        controller.enqueue({ type: 'text-end', id });
        controller.enqueue({
          type: 'finish',
          ...endingOf({ finishReason, usage: { promptTokens, completionTokens } }),
        });
      } catch (error) {
        controller.enqueue({ type: 'error', error });
      }
      controller.close();
    },
    async cancel() {
      await pieces.return(undefined);
    },
  });
}

function generateOptions(options: CallOptions): GenerateOptions {
  const { maxOutputTokens, temperature, topP, topK, seed, stopSequences, abortSignal } = options;
  const given = { maxTokens: maxOutputTokens, temperature, topP, topK, seed, stop: stopSequences };
  const defined = Object.entries({ ...given, signal: abortSignal }).filter(([, value]) => value != null);
  return Object.fromEntries(defined);
}

function endingOf({
  finishReason,
  usage,
}: Pick<Completion, 'finishReason'> & {
  usage: Pick<Completion['usage'], 'promptTokens' | 'completionTokens'>;
}): Ending {
  const { promptTokens, completionTokens } = usage;
  return {
    finishReason: { unified: finishReason === 'length' ? 'length' : 'stop', raw: finishReason },
    usage: {
      inputTokens: {
        total: promptTokens,
        noCache: promptTokens,
        cacheRead: undefined,
        cacheWrite: undefined,
      },
      outputTokens: { total: completionTokens, text: completionTokens, reasoning: undefined },
    },
  };
}

function warningsOf(options: CallOptions): Warning[] {
  const { presencePenalty, frequencyPenalty, responseFormat, tools = [] } = options;
  const unsupported: [string, boolean, string][] = [
    ['presencePenalty', !!presencePenalty, 'use repetitionPenalty of LanguageModel.generate'],
    ['frequencyPenalty', !!frequencyPenalty, 'use repetitionPenalty of LanguageModel.generate'],
    ['responseFormat', responseFormat?.type === 'json', 'the answer is not constrained to JSON'],
    ['tools', tools.length > 0, 'the model is not told of the tools'],
  ];
  return unsupported
    .filter(([, asked]) => asked)
    .map(([feature, , details]) => ({ type: 'unsupported', feature, details }));
}

/** @throws InputError for files, tool calls and other content that is not text */
function messagesOf({ prompt }: CallOptions): ChatMessage[] {
  return prompt.map(({ role, content }, index) => {
    if (typeof content === 'string') return { role, content };
    const texts = content.map(({ type, text }) => {
      if (type === 'text' && typeof text === 'string') return text;
      throw new InputError(`prompt[${index}]: found content of type "${type}", expected text only`);
    });
    return { role, content: texts.join('') };
  });
}
