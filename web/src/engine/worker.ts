/**
 * The worker that computes, so that the page never waits. Calls run one after the other, because they share one model and
 * one engine.
 */
import { OutOfMemoryError } from '../../../src/engine/engine.ts';
import { remedy } from '../../../src/engine/webgpu/errors.ts';
import { InputError } from '../../../src/errors.ts';
import { LoadedModel } from './loadedModel.ts';
import type { Calls, FromWorker, Method, ToWorker } from './protocol.ts';
import { TextTraining } from './training.ts';

type Handler<M extends Method> = (
  request: Calls[M]['request'],
  report: (event: Calls[M]['event']) => void,
  signal: AbortSignal,
) => Promise<Calls[M]['result']>;

const loaded = new LoadedModel();
const training = new TextTraining();

const handlers: { readonly [M in Method]: Handler<M> } = {
  load: (request, report, signal) => loaded.load(request, report, signal),
  chat: (request, report, signal) => loaded.chat(request, report, signal),
  continueChat: (request, report, signal) => loaded.continueChat(request, report, signal),
  rewindChat: (request) => loaded.rewindChat(request),
  newChat: () => loaded.newChat(),
  saveChat: () => loaded.saveChat(),
  openChat: (request) => loaded.openChat(request),
  write: (request, report, signal) => loaded.write(request, report, signal),
  anatomy: () => loaded.anatomy(),
  ternary: (request) => loaded.ternary(request),
  observe: (request, report, signal) => loaded.observe(request, report, signal),
  explain: (request) => loaded.explain(request),
  train: (request, report, signal) => training.train(request, report, signal),
  resumeTraining: (_, report, signal) => training.resume(report, signal),
  exportTrained: () => training.exported(),
  writeTrained: (request, report, signal) => training.writeTrained(request, report, signal),
};

const scope = globalThis as unknown as Worker;
const stops = new Map<number, AbortController>();
let last: Promise<unknown> = Promise.resolve();

scope.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  if ('stop' in data) {
    stops.get(data.id)?.abort();
    return;
  }
  // Loading another model stops the work of the old one.
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
    const message = error instanceof Error ? error.message : String(error);
    post({ id, error: message.replace(remedy, 'choose WebAssembly at the foot of the page'), wrong });
    if (!wrong && !signal.aborted) console.error(error);
  } finally {
    stops.delete(id);
  }
}
