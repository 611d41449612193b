/** Sends answers to the client: as a whole, or as server-sent events at the pace at which it reads. */
import { type AnswerEvent, answers } from './answers.ts';
import { ApiError, apiErrorOf } from './apiError.ts';
import type { Runtime } from './runtime.ts';
import { ClientGoneError, type Scope } from './scope.ts';
import type { Start } from './start.ts';
import type { Wire } from './wire.ts';

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
    for await (const event of sent) extras = { ...extras, ...event.extras };
    return Response.json({ ...exchange.wire.whole(), ...extras });
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

interface Sent {
  readonly chunks: readonly object[];
  /** Fields of the whole answer, besides its choices. */
  readonly extras: object;
}

async function* events({ runtime, wire, start, scope, finished }: Exchange): AsyncGenerator<Sent> {
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
    yield { chunks: wire.includeUsage ? [wire.usageChunk(fields)] : [], extras: { usage: fields } };
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
  { lease, returnState }: Start,
  { session }: AnswerEvent & { type: 'end' },
): Promise<object> {
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
  { runtime, scope, cutOff }: Exchange,
  first: IteratorResult<Sent>,
  rest: AsyncGenerator<Sent>,
): ReadableStream<Uint8Array> {
  let next: Promise<IteratorResult<Sent>> = Promise.resolve(first);
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
          controller.enqueue(encoder.encode('data: [DONE]\n\n'));
          controller.close();
          return;
        }
        next = rest.next();
        next.catch(() => {}); // reported by the next pull
        controller.enqueue(encoder.encode(value.chunks.map(eventOf).join('')));
        stalled = setTimeout(giveUp, 1000 * runtime.limits.stallSeconds);
        stalled.unref();
      } catch (error) {
        controller.enqueue(encoder.encode(eventOf(apiErrorOf(error).body)));
        controller.close();
      }
    },
    cancel() {
      clearTimeout(stalled);
      scope.abort(new ClientGoneError());
      void rest.return(undefined).catch(() => {});
    },
  });
}

function eventOf(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}
