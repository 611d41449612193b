/**
 * `plusminus/ai`: models for the AI SDK (`generateText`, `streamText`) that run in this process, without a server.
 * The types are structural, so that the library needs no package of the SDK.
 */
import type { Finish } from '../generate/generate.ts';
import { type ParsedAnswer, parseToolCalls, ToolCallStream } from '../generate/tools/toolCalls.ts';
import type { LanguageModel } from '../languageModel.ts';
import {
  type AiTool,
  type AiToolCall,
  aiCall,
  callsOf,
  messagesOf,
  type PromptMessage,
  toolNamed,
  toolsOf,
} from './aiTools.ts';
import type { Completion } from './completion.ts';
import type { EmbedOptions } from './embeddings.ts';
import type { PromptOptions } from './prompt.ts';

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
  readonly responseFormat?: { readonly type: string; readonly schema?: object | undefined } | undefined;
  readonly tools?: readonly AiTool[] | undefined;
  readonly toolChoice?: { readonly type: string; readonly toolName?: string | undefined } | undefined;
}

interface Warning {
  type: 'unsupported';
  feature: string;
  details: string;
}

interface Ending {
  finishReason: { unified: 'stop' | 'length' | 'tool-calls'; raw: string };
  usage: {
    inputTokens: { total: number; noCache: number; cacheRead: undefined; cacheWrite: undefined };
    outputTokens: { total: number; text: number; reasoning: undefined };
  };
}

type StreamPart =
  | { type: 'stream-start'; warnings: Warning[] }
  | { type: 'text-start' | 'text-end'; id: string }
  | { type: 'text-delta'; id: string; delta: string }
  | AiToolCall
  | ({ type: 'finish' } & Ending)
  | { type: 'error'; error: unknown };

/** A language model as the AI SDK calls it (`LanguageModelV4`). */
export interface AiLanguageModel {
  readonly specificationVersion: 'v4';
  readonly provider: 'plusminus';
  readonly modelId: string;
  readonly supportedUrls: Record<string, never>;
  /** Generates a whole answer. */
  doGenerate(
    options: CallOptions,
  ): Promise<Ending & { content: ({ type: 'text'; text: string } | AiToolCall)[]; warnings: Warning[] }>;
  /** Generates an answer as parts. */
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
      const loaded = await model;
      const done = await loaded.complete(messagesOf(options.prompt), generateOptions(options, loaded));
      const { text, calls } = parseToolCalls(done.text, toolNamed(options));
      const content = [
        ...(text === '' && calls.length > 0 ? [] : [{ type: 'text' as const, text }]),
        ...calls.map(aiCall),
      ];
      return { content, ...endingOf(done, calls.length), warnings: warningsOf(options) };
    },
    async doStream(options) {
      return { stream: streamOf(await model, options) };
    },
  };
}

const id = 'text';

function streamOf(model: LanguageModel, options: CallOptions): ReadableStream<StreamPart> {
  let finish: Finish | undefined;
  let called = 0;
  const parts = new ToolCallStream(toolNamed(options));
  const pieces = model.generate(messagesOf(options.prompt), {
    ...generateOptions(options, model),
    onFinish: (ended) => {
      finish = ended;
    },
  });
  const told = ({ text, calls }: ParsedAnswer): StreamPart[] => {
    called += calls.length;
    return [...(text === '' ? [] : [{ type: 'text-delta' as const, id, delta: text }]), ...calls.map(aiCall)];
  };
  return new ReadableStream<StreamPart>({
    start(controller) {
      controller.enqueue({ type: 'stream-start', warnings: warningsOf(options) });
      controller.enqueue({ type: 'text-start', id });
    },
    async pull(controller) {
      try {
        for (;;) {
          const { done, value } = await pieces.next();
          const found = told(done ? parts.end() : parts.push(value));
          for (const part of found) controller.enqueue(part);
          if (done) break;
          if (found.length > 0) return; // a part of a call is nothing to tell yet
        }
        const { reason: finishReason, tokens: completionTokens, promptTokens } = finish!;
        if (finishReason === 'abort') throw options.abortSignal!.reason;
        controller.enqueue({ type: 'text-end', id });
        const usage = { promptTokens, completionTokens };
        controller.enqueue({ type: 'finish', ...endingOf({ finishReason, usage }, called) });
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

function generateOptions(options: CallOptions, model: LanguageModel): PromptOptions {
  const { maxOutputTokens, temperature, topP, topK, seed, stopSequences, abortSignal } = options;
  const { responseFormat: format } = options;
  const given = { maxTokens: maxOutputTokens, temperature, topP, topK, seed, stop: stopSequences };
  const tools = toolsOf(options);
  const responseFormat =
    callsOf(options, tools, model) ??
    (format?.type === 'json' ? { type: 'json', schema: format.schema } : undefined);
  const defined = {
    ...given,
    signal: abortSignal,
    responseFormat,
    tools: tools.length > 0 ? tools : undefined,
  };
  return Object.fromEntries(Object.entries(defined).filter(([, value]) => value != null));
}

function endingOf(
  {
    finishReason,
    usage,
  }: Pick<Completion, 'finishReason'> & {
    usage: Pick<Completion['usage'], 'promptTokens' | 'completionTokens'>;
  },
  calls: number,
): Ending {
  const { promptTokens, completionTokens } = usage;
  const ended = finishReason === 'length' ? 'length' : calls > 0 ? 'tool-calls' : 'stop';
  return {
    finishReason: { unified: ended, raw: finishReason },
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
  const { presencePenalty, frequencyPenalty, tools = [] } = options;
  const unsupported: [string, boolean, string][] = [
    ['presencePenalty', !!presencePenalty, 'use repetitionPenalty of LanguageModel.generate'],
    ['frequencyPenalty', !!frequencyPenalty, 'use repetitionPenalty of LanguageModel.generate'],
    ['tools', tools.some(({ type }) => type !== 'function'), 'tools of a provider are left out'],
  ];
  return unsupported
    .filter(([, asked]) => asked)
    .map(([feature, , details]) => ({ type: 'unsupported', feature, details }));
}

/**
 * Wraps a model for the AI SDK's `embed` and `embedMany`.
 * @param model loaded, or on its way; the caller disposes of it
 * @param options pooling, layer and dimensions
 */
export function plusminusEmbedding(
  model: LanguageModel | PromiseLike<LanguageModel>,
  options: Omit<EmbedOptions, 'signal'> = {},
): AiEmbeddingModel {
  return {
    ...{ specificationVersion: 'v4', provider: 'plusminus', modelId: 'plusminus' },
    ...{ maxEmbeddingsPerCall: 256, supportsParallelCalls: false },
    async doEmbed({ values, abortSignal: signal }) {
      const loaded = await model;
      const vectors = await loaded.embed(values, { ...options, signal });
      const tokens = values.reduce((sum, text) => sum + (loaded.tokenizer?.encode(text).length ?? 0), 0);
      return { embeddings: vectors.map((vector) => [...vector]), usage: { tokens }, warnings: [] };
    },
  };
}

/** An embedding model as the AI SDK calls it (`EmbeddingModelV4`). */
export interface AiEmbeddingModel {
  readonly specificationVersion: 'v4';
  readonly provider: 'plusminus';
  readonly modelId: string;
  readonly maxEmbeddingsPerCall: number;
  readonly supportsParallelCalls: boolean;
  /** Embeds texts, in their order. */
  doEmbed(options: {
    readonly values: string[];
    readonly abortSignal?: AbortSignal;
  }): Promise<{ embeddings: number[][]; usage: { tokens: number }; warnings: [] }>;
}
