/** Sends answers to the client: as a whole, or as server-sent events at the pace at which it reads. */
import { type AnswerEvent, answers } from './answers.ts';
import { ApiError, apiErrorOf } from './apiError.ts';
import { jsonStepwise } from './jsonText.ts';
import type { Runtime } from './runtime.ts';
import { ClientGoneError, type Scope } from './scope.ts';
import type { Start } from './start.ts';
import { answerBytes, type Wire } from './wire.ts';

export interface Usage {
  readonly prompt: number;
  readonly cached: number;
  readonly generated: number;
}

export interface Exchange {
  readonly runtime: Runtime;
  readonly wire: Wire;
  readonly start: Start;
  readonly scope: Scope;
  /** Closes the client's connection. */
  readonly cutOff: () => void;
  /** Called at the end, with the error if there was one. */
  readonly finished: (usage: Usage, error: unknown) => void;
}

/** Waits for the first event before the first byte, so that failures get a status code. */
export async function respond(exchange: Exchange): Promise<Response> {
  const sent = events(exchange);
  if (!exchange.wire.stream) {
    let extras: object = {};
    for (;;) {
      const { done, value } = await sent.next();
      if (done) return wholeAnswer({ ...exchange.wire.whole(value), ...extras }, exchange);
      extras = { ...extras, ...value.extras };
    }
  }
  const first = await sent.next();
  return new Response(eventStream(exchange, first, sent), {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no', // proxies should forward events at once
    },
  });
}

/** Answers that may be larger are written in slices. */
const largeAnswer = 250_000;

async function wholeAnswer(answer: object, { runtime, wire, scope }: Exchange): Promise<Response> {
  if (answerBytes(runtime, wire) < largeAnswer) return Response.json(answer);
  const text = await runtime.longWork.run(jsonStepwise(answer), scope);
  return new Response(text, { headers: { 'content-type': 'application/json' } });
}

interface Sent {
  readonly chunks: readonly object[];
  /** Fields of the whole answer, besides its choices. */
  readonly extras: object;
}

/** Returns the usage. */
async function* events({
  runtime,
  wire,
  start,
  scope,
  finished,
}: Exchange): AsyncGenerator<Sent, UsageFields> {
  let usage: Usage = { prompt: 0, cached: 0, generated: 0 };
  let failure: unknown;
  let hasText = false;
  try {
    for await (const event of answers(runtime, wire.request, scope)) {
      usage = counted(usage, event);
      if (event.type === 'piece' && !hasText) {
        hasText = true;
        runtime.metrics.firstText(scope.seconds);
      }
      const extras = event.type === 'end' ? await stateFields(runtime, start, event) : {};
      const chunks = wire.chunks(event);
      yield { chunks: chunks.map((chunk) => ({ ...chunk, ...extras })), extras };
    }
    const fields = usageFields(usage);
    if (wire.stream) yield { chunks: wire.ending(fields), extras: {} };
    return fields;
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    start.lease?.release();
    finished(usage, failure);
    scope.end();
  }
}

/** Saves the session before it is acknowledged. */
async function stateFields(
  { signer }: Runtime,
  { lease, returnState, keep }: Start,
  { session }: AnswerEvent & { type: 'end' },
): Promise<object> {
  keep?.(session);
  await lease?.save(session);
  return {
    ...(lease ? { session: { id: lease.id, tokens: session.tokens } } : {}),
    ...(returnState ? { state: signer.sign(session) } : {}),
  };
}

function counted({ prompt, cached, generated }: Usage, event: AnswerEvent): Usage {
  if (event.type === 'piece') return { prompt, cached, generated };
  if (event.type === 'end') return { prompt, cached, generated: generated + event.tokens };
  return { prompt: prompt + event.read.tokens.length, cached: cached + event.read.cached, generated };
}

export type UsageFields = ReturnType<typeof usageFields>;

function usageFields({ prompt, cached, generated }: Usage) {
  return {
    prompt_tokens: prompt,
    completion_tokens: generated,
    total_tokens: prompt + generated,
    prompt_tokens_details: { cached_tokens: cached },
  };
}

const encoder = new TextEncoder();

/** Events are sent when the client's connection accepts them; after a long wait the connection is closed. */
function eventStream(
  exchange: Exchange,
  first: IteratorResult<Sent, UsageFields>,
  rest: AsyncGenerator<Sent, UsageFields>,
): ReadableStream<Uint8Array> {
  const { runtime, wire, scope, cutOff } = exchange;
  let next: Promise<IteratorResult<Sent, UsageFields>> = Promise.resolve(first);
  let stalled: NodeJS.Timeout | undefined;
  const giveUp = () => {
    scope.abort(new ApiError(408, 'the client did not read its answer'));
    cutOff();
  };
  return new ReadableStream({
    async pull(controller) {
      clearTimeout(stalled);
      try {
        const { done, value } = await next;
        if (done) {
          if (!wire.isNamed) controller.enqueue(encoder.encode('data: [DONE]\n\n'));
          controller.close();
          return;
        }
        next = rest.next();
        next.catch(() => {}); // reported by the next pull
        let text = '';
        for (const chunk of value.chunks) text += await eventOf(chunk, exchange);
        controller.enqueue(encoder.encode(text));
        stalled = setTimeout(giveUp, 1000 * runtime.limits.stallSeconds);
        stalled.unref();
      } catch (error) {
        const { body } = apiErrorOf(error);
        const told = wire.isNamed ? { type: 'error', ...body } : body;
        controller.enqueue(encoder.encode(framed(JSON.stringify(told), told, wire)));
        controller.close();
      }
    },
    cancel() {
      clearTimeout(stalled);
      scope.abort(new ClientGoneError());
      void rest.return(undefined as never).catch(() => {});
    },
  });
}

async function eventOf(value: object, { runtime, wire, scope }: Exchange): Promise<string> {
  const isLarge = wire.request.scored !== undefined;
  const json = isLarge ? await runtime.longWork.run(jsonStepwise(value), scope) : JSON.stringify(value);
  return framed(json, value, wire);
}

function framed(json: string, value: object, { isNamed }: Wire): string {
  const name = isNamed && 'type' in value ? `event: ${value.type}\n` : '';
  return `${name}data: ${json}\n\n`;
}
