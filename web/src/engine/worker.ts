/**
 * The worker that computes, so that the page never waits. Calls are carried out one after the other: they share
 * one model and one engine.
 */
import { OutOfMemoryError } from '../../../src/engine/engine.ts';
import { InputError } from '../../../src/errors.ts';
import type { Calls, FromWorker, Method, ToWorker } from './protocol.ts';
import { School } from './school.ts';
import { Speaker } from './speaker.ts';

type Handler<M extends Method> = (
  request: Calls[M]['request'],
  tell: (event: Calls[M]['event']) => void,
  signal: AbortSignal,
) => Promise<Calls[M]['result']>;

const speaker = new Speaker();
const school = new School();

const handlers: { readonly [M in Method]: Handler<M> } = {
  load: (request, tell, signal) => speaker.load(request, tell, signal),
  chat: (request, tell, signal) => speaker.chat(request, tell, signal),
  write: (request, tell, signal) => speaker.write(request, tell, signal),
  anatomy: () => speaker.anatomy(),
  ternary: (request) => speaker.ternary(request),
  observe: (request, tell, signal) => speaker.observe(request, tell, signal),
  learn: (request, tell, signal) => school.learn(request, tell, signal),
  recite: (request, tell, signal) => school.recite(request, tell, signal),
};

const scope = globalThis as unknown as Worker;
const stops = new Map<number, AbortController>();
let last: Promise<unknown> = Promise.resolve();

scope.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  if ('stop' in data) {
    stops.get(data.id)?.abort();
    return;
  }
  // Another model ends whatever the old one is busy with.
  if (data.method === 'load') for (const stop of stops.values()) stop.abort();
  stops.set(data.id, new AbortController());
  last = last.then(() => carryOut(data.id, data.method, data.request));
};

async function carryOut<M extends Method>(id: number, method: M, request: unknown): Promise<void> {
  const post = (message: FromWorker) => scope.postMessage(message);
  const { signal } = stops.get(id)!;
  try {
    const handler = handlers[method] as Handler<M>;
    const result = await handler(request as Calls[M]['request'], (event) => post({ id, event }), signal);
    post({ id, result });
  } catch (error) {
    const wrong = error instanceof InputError || error instanceof OutOfMemoryError;
    post({ id, error: error instanceof Error ? error.message : String(error), wrong });
    if (!wrong && !signal.aborted) console.error(error);
  } finally {
    stops.delete(id);
  }
}
