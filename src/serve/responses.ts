/** OpenAI's `/v1/responses`: text and tools, whole and as events; a response is kept as the model's state after it. */
import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { SavedSession } from '../generate/savedSession.ts';
import { AnswerParts, type NamedCall, type Part } from './answerParts.ts';
import type { AnswerEvent } from './answers.ts';
import { ApiError } from './apiError.ts';
import { chatRequestOf } from './chatRequest.ts';
import type { UsageFields } from './respond.ts';
import type { ResponseFiles } from './responseFiles.ts';
import type { AskedResponse, ResponseFields } from './responsesFields.ts';
import type { Runtime } from './runtime.ts';
import type { Caller } from './scope.ts';
import type { Start } from './start.ts';
import type { Wire } from './wire.ts';

export interface KeptResponse {
  readonly session: SavedSession;
  readonly instructions: string | null | undefined;
}

/** States after responses, for `previous_response_id`, in memory and perhaps on the disk; the least recently used are forgotten. */
export class KeptResponses {
  readonly #sessions: LRUCache<string, KeptResponse>;
  readonly #files: ResponseFiles | undefined;

  /** @param bytes of all states in memory */
  constructor(bytes: number, files?: ResponseFiles) {
    this.#files = files;
    this.#sessions = new LRUCache({
      maxSize: bytes,
      sizeCalculation: ({ session: { state, recent }, instructions }) =>
        state.byteLength + 8 * recent.length + 2 * (instructions?.length ?? 0) + 256,
    });
  }

  keep(owner: string, id: string, kept: KeptResponse): void {
    this.#sessions.set(`${owner} ${id}`, kept);
    this.#files?.write(`${owner} ${id}`, kept);
  }

  /** @throws ApiError if there is none of this owner any more */
  async get(owner: string, id: string): Promise<KeptResponse> {
    const key = `${owner} ${id}`;
    const found = this.#sessions.get(key) ?? (await this.#files?.read(key));
    if (found) return found;
    throw new ApiError(
      404,
      `previous_response_id: found no "${id.slice(0, 60)}"; send the whole conversation`,
      {
        param: 'previous_response_id',
        code: 'previous_response_not_found',
      },
    );
  }
}

/** Where a response starts: at the beginning, or at the state after an earlier one. */
export async function responseStart(
  { responses }: Runtime,
  { asked, messages }: ResponseFields,
  owner: string,
): Promise<Start> {
  const { previous_response_id: previous, instructions, store } = asked;
  const id = newId('resp');
  const kept = typeof previous === 'string' ? await responses.get(owner, previous) : undefined;
  // The model has read the same instructions already.
  if (kept && instructions && kept.instructions === instructions) messages.shift();
  return {
    ...{ lease: undefined, returnState: false, id, earlier: kept?.session },
    keep: store === false ? undefined : (session) => responses.keep(owner, id, { session, instructions }),
  };
}

export async function responseWire(
  runtime: Runtime,
  fields: ResponseFields,
  start: Start,
  caller: Caller,
): Promise<Wire> {
  const chat = await chatRequestOf(runtime, fields, start, caller);
  const response = new ModelResponse(runtime, fields.asked, start.id ?? newId('resp'), chat.isTool);
  return {
    ...{ request: chat.request, stream: fields.stream === true, includeUsage: true, isNamed: true },
    chunks: (event) => response.events(event),
    ending: (usage) => [response.ended(usage)],
    whole: (usage) => response.whole(usage),
  };
}

interface TextItem {
  readonly type: 'message';
  readonly id: string;
  readonly role: 'assistant';
  status: string;
  readonly content: { readonly type: 'output_text'; text: string; annotations: []; logprobs: [] }[];
}

class ModelResponse {
  readonly #base: object;
  readonly #output: object[] = [];
  readonly #parts: AnswerParts;
  #open: TextItem | undefined;
  #sequence = 0;
  #isCutOff = false;

  constructor(
    { modelName }: Runtime,
    asked: AskedResponse,
    id: string,
    isTool: ((name: string) => boolean) | undefined,
  ) {
    this.#parts = new AnswerParts(isTool);
    this.#base = {
      ...{ id, object: 'response', created_at: Math.floor(Date.now() / 1000), model: modelName, error: null },
      ...{ instructions: asked.instructions ?? null, max_output_tokens: asked.max_output_tokens ?? null },
      ...{ previous_response_id: asked.previous_response_id ?? null, store: asked.store !== false },
      ...{
        parallel_tool_calls: asked.parallel_tool_calls !== false,
        tool_choice: asked.tool_choice ?? 'auto',
      },
      ...{ tools: asked.tools ?? [], temperature: asked.temperature ?? 1, top_p: asked.top_p ?? 1 },
      ...{
        text: { format: asked.text?.format ?? { type: 'text' } },
        reasoning: { effort: null, summary: null },
      },
      ...{
        truncation: 'disabled',
        metadata: asked.metadata ?? {},
        user: asked.user ?? null,
        background: false,
      },
    };
  }

  events(event: AnswerEvent): object[] {
    if (event.type === 'prompt') {
      const response = {
        ...this.#base,
        status: 'in_progress',
        incomplete_details: null,
        output: [],
        usage: null,
      };
      return ['response.created', 'response.in_progress'].map((type) => this.#event(type, { response }));
    }
    if (event.type === 'piece') return this.#add(this.#parts.push(event.text));
    this.#isCutOff = event.reason === 'length';
    return [...this.#add(this.#parts.end()), ...this.#closeText()];
  }

  whole(usage: UsageFields): object {
    const { prompt_tokens, completion_tokens, total_tokens, prompt_tokens_details } = usage;
    return {
      ...this.#base,
      status: this.#isCutOff ? 'incomplete' : 'completed',
      incomplete_details: this.#isCutOff ? { reason: 'max_output_tokens' } : null,
      output: this.#output,
      usage: {
        ...{ input_tokens: prompt_tokens, input_tokens_details: prompt_tokens_details },
        ...{ output_tokens: completion_tokens, output_tokens_details: { reasoning_tokens: 0 }, total_tokens },
      },
    };
  }

  ended(usage: UsageFields): object {
    return this.#event(this.#isCutOff ? 'response.incomplete' : 'response.completed', {
      response: this.whole(usage),
    });
  }

  #add({ text, calls }: Part): object[] {
    const events: object[] = [];
    if (text !== '') {
      if (!this.#open) events.push(...this.#beginText());
      this.#open!.content[0]!.text += text;
      events.push(this.#event('response.output_text.delta', { ...this.#place(), delta: text, logprobs: [] }));
    }
    for (const call of calls) events.push(...this.#closeText(), ...this.#call(call));
    return events;
  }

  #beginText(): object[] {
    const item: TextItem = {
      type: 'message',
      id: newId('msg'),
      role: 'assistant',
      status: 'in_progress',
      content: [],
    };
    this.#open = item;
    this.#output.push(item);
    const added = this.#event('response.output_item.added', {
      output_index: this.#output.length - 1,
      item: { ...item, content: [] },
    });
    const part = { type: 'output_text' as const, text: '', annotations: [] as [], logprobs: [] as [] };
    item.content.push(part);
    return [added, this.#event('response.content_part.added', { ...this.#place(), part: { ...part } })];
  }

  #closeText(): object[] {
    const item = this.#open;
    if (!item) return [];
    item.status = this.#isCutOff ? 'incomplete' : 'completed';
    const [part] = item.content;
    const place = this.#place();
    this.#open = undefined;
    return [
      this.#event('response.output_text.done', { ...place, text: part!.text, logprobs: [] }),
      this.#event('response.content_part.done', { ...place, part }),
      this.#event('response.output_item.done', { output_index: place.output_index, item }),
    ];
  }

  #call({ id: call_id, name, arguments: json }: NamedCall): object[] {
    const item = {
      type: 'function_call',
      id: newId('fc'),
      call_id,
      name,
      arguments: json,
      status: 'completed',
    };
    const place = { output_index: this.#output.push(item) - 1, item_id: item.id };
    const { output_index } = place;
    const begun = { ...item, arguments: '', status: 'in_progress' };
    return [
      this.#event('response.output_item.added', { output_index, item: begun }),
      this.#event('response.function_call_arguments.delta', { ...place, delta: json }),
      this.#event('response.function_call_arguments.done', { ...place, name, arguments: json }),
      this.#event('response.output_item.done', { output_index, item }),
    ];
  }

  #place() {
    return { item_id: this.#open!.id, output_index: this.#output.length - 1, content_index: 0 };
  }

  #event(type: string, fields: object): object {
    return { type, sequence_number: this.#sequence++, ...fields };
  }
}

function newId(prefix: string): string {
  return `${prefix}_${randomBytes(12).toString('hex')}`;
}
