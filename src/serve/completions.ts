/** `/v1/completions`: continues texts. */

import type { AnswerEvent } from './answers.ts';
import { ApiError } from './apiError.ts';
import type { AnswerToken, ChoiceEnd } from './choice.ts';
import { type CompletionFields, choiceOptionsOf } from './fields.ts';
import { later } from './jsonText.ts';
import type { TokenLogprob } from './logProbability.ts';
import type { ReadPrompt } from './reading.ts';
import type { Runtime } from './runtime.ts';
import type { Caller } from './scope.ts';
import type { Start } from './start.ts';
import { checkChoices, checkIds, checkMaxTokens, continued } from './start.ts';
import { CodePoints, tokenName, topByName } from './tokenText.ts';
import { type Envelope, envelopeOf, finishReason, type Wire, wantsUsage } from './wire.ts';

interface Logprobs {
  readonly tokens: string[];
  readonly token_logprobs: (number | null)[];
  readonly top_logprobs: (object | null)[];
  readonly text_offset: number[];
}

interface Choice {
  text: string;
  readonly index: number;
  logprobs: Logprobs | null;
  finish_reason: string | null;
}

export async function completionWire(
  runtime: Runtime,
  fields: CompletionFields,
  start: Start,
  caller: Caller,
): Promise<Wire> {
  const prompts = promptsOf(fields.prompt ?? '');
  const n = fields.n ?? 1;
  checkChoices(runtime, prompts.length * n, start, caller);
  const logprobs = fields.logprobs ?? undefined;
  const echo = fields.echo === true;
  if (echo && start.earlier)
    throw new ApiError(400, 'echo: expected none with a state or a session, whose text is not stored', {
      param: 'echo',
    });
  const maxTokens = checkMaxTokens(runtime, 'max_tokens', fields.max_tokens ?? 16);
  const tokens: ReturnType<typeof continued>[] = [];
  for (const [index, prompt] of prompts.entries()) {
    const where = `prompt[${index}]`;
    const ids =
      typeof prompt === 'string'
        ? await runtime.encoder.encode(prompt, encodeOptions(fields, start), where, caller)
        : checkIds(runtime, prompt, where);
    tokens.push(continued(runtime, ids, start.earlier, where));
  }
  const shown = echo || logprobs !== undefined; // the texts of prompts, or offsets in them
  const textOf = (prompt: Prompt, index: number) =>
    typeof prompt === 'string' ? prompt : shown ? runtime.tokenizer.decode(tokens[index]!.tokens) : '';
  const format = new CompletionFormat(runtime, {
    echo,
    n,
    collects: fields.stream !== true,
    textOf: (index) => textOf(prompts[index]!, index),
  });
  return {
    request: {
      prompts: tokens,
      n,
      options: choiceOptionsOf(fields, {
        ...{ maxTokens, logprobs, vocabulary: runtime.scheduler.vocabulary, form: runtime.forms.of(fields) },
      }),
      scored: echo ? logprobs : undefined,
    },
    stream: fields.stream === true,
    chunks: (event) => format.chunks(event),
    ending: (usage) => (wantsUsage(fields) ? [{ ...format.envelope, choices: [], usage }] : []),
    whole: (usage) => ({ ...format.envelope, choices: format.choices(), usage }),
  };
}

interface FormatOptions {
  readonly echo: boolean;
  readonly n: number;
  /** Whether the answer is kept, to be sent as a whole. */
  readonly collects: boolean;
  /** The text of a prompt. Called once the prompt is read: before, the request may still be refused. */
  readonly textOf: (prompt: number) => string;
}

class CompletionFormat {
  readonly envelope: Envelope;
  readonly #runtime: Runtime;
  readonly #options: FormatOptions;
  readonly #choices: { readonly whole: Choice; readonly points: CodePoints; readonly before: number }[] = [];

  constructor(runtime: Runtime, options: FormatOptions) {
    this.envelope = envelopeOf(runtime, 'cmpl', 'text_completion');
    this.#runtime = runtime;
    this.#options = options;
  }

  choices(): readonly Choice[] {
    return this.#choices.map(({ whole }) => whole);
  }

  chunks(event: AnswerEvent): object[] {
    if (event.type === 'prompt') return this.#prompt(event.prompt, event.read);
    if (event.type === 'end') return [this.#end(event.index, event)];
    return [this.#add(event.index, event.text, this.#answerLogprobs(event.index, event.text, event.tokens))];
  }

  /** Begins the choices of a prompt, with the prompt's text if it is echoed. */
  #prompt(prompt: number, { tokens, logprobs }: ReadPrompt): object[] {
    const { echo, n, textOf } = this.#options;
    const text = textOf(prompt);
    const first = prompt * n;
    const chunks: object[] = [];
    for (let index = first; index < first + n; index++) {
      const points = new CodePoints();
      points.add(text);
      const whole = { text: '', index, logprobs: null, finish_reason: null };
      this.#choices[index] = { whole, points, before: text.length };
      if (!echo) continue;
      const scored = logprobs.length > 0 || tokens.length === 1 ? logprobs : undefined;
      chunks.push(this.#add(index, text, scored && this.#promptLogprobs(tokens, scored)));
    }
    return chunks;
  }

  #add(index: number, text: string, logprobs: Logprobs | undefined): object {
    const { whole } = this.#choices[index]!;
    if (this.#options.collects) whole.text += text;
    if (logprobs && this.#options.collects) {
      whole.logprobs ??= { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] };
      for (const name of ['tokens', 'token_logprobs', 'top_logprobs', 'text_offset'] as const)
        (whole.logprobs[name] as unknown[]).push(...logprobs[name]);
    }
    return {
      ...this.envelope,
      choices: [{ index, text, logprobs: logprobs ?? null, finish_reason: null }],
    };
  }

  #end(index: number, { reason }: ChoiceEnd): object {
    const { whole } = this.#choices[index]!;
    whole.finish_reason = finishReason(reason);
    return {
      ...this.envelope,
      choices: [{ index, text: '', logprobs: null, finish_reason: whole.finish_reason }],
    };
  }

  /** The first token has no log-probability: no token precedes it. */
  #promptLogprobs(tokens: readonly number[], scored: readonly TokenLogprob[]): Logprobs {
    const { tokenizer } = this.#runtime;
    const stream = tokenizer.stream();
    let offset = 0;
    return {
      tokens: tokens.map((id) => tokenName(tokenizer, id)),
      token_logprobs: [null, ...scored.map(({ logprob }) => logprob)],
      top_logprobs: [null, ...scored.map((one) => later(() => topByName(tokenizer, one)))],
      text_offset: tokens.map((id) => {
        const here = offset;
        offset += [...stream.push(id)].length;
        return here;
      }),
    };
  }

  /** Offsets count from the prompt's first character, whether or not the prompt is echoed. */
  #answerLogprobs(index: number, text: string, tokens: readonly AnswerToken[]): Logprobs | undefined {
    const { points, before } = this.#choices[index]!;
    points.add(text);
    if (tokens.length === 0) return undefined;
    const { tokenizer } = this.#runtime;
    return {
      tokens: tokens.map(({ id }) => tokenName(tokenizer, id)),
      token_logprobs: tokens.map(({ logprob }) => logprob),
      top_logprobs: tokens.map((one) => topByName(tokenizer, one)),
      text_offset: tokens.map(({ offset }) => points.at(before + offset)),
    };
  }
}

type Prompt = string | readonly number[];

function promptsOf(prompt: NonNullable<CompletionFields['prompt']>): Prompt[] {
  if (typeof prompt === 'string') return [prompt];
  if (prompt.length === 0)
    throw new ApiError(400, 'prompt: found an empty list, expected a prompt', { param: 'prompt' });
  return typeof prompt[0] === 'number' ? [prompt as number[]] : (prompt as Prompt[]);
}

function encodeOptions({ allow_special }: CompletionFields, { earlier }: Start) {
  return { addSpecialTokens: !earlier, allowSpecial: allow_special === true };
}
