/** What the pages share: the model that is loaded, and the worker that holds it. */
import { signal } from '@preact/signals';
import { Client } from './engine/client.ts';
import type { EngineChoice, ModelCard } from './engine/protocol.ts';
import { untilIsolated } from './offline.ts';

const parameters = new URLSearchParams(location.search);
const choices: readonly EngineChoice[] = ['auto', 'gpu', 'threads', 'single'];

/** Names of the models that came with the page. */
export const boxed = signal<readonly string[] | undefined>(undefined);
export const source = signal<string | undefined>(undefined);
export const engineChoice = signal<EngineChoice>(
  choices.find((choice) => choice === parameters.get('engine')) ?? 'auto',
);
export const card = signal<ModelCard | undefined>(undefined);
/** Present while a model is on its way; `share` from 0 to 1. */
export const loading = signal<{ readonly phase: string; readonly share: number } | undefined>(undefined);
export const trouble = signal<string | undefined>(undefined);

let client: Client | undefined;

/** The worker with the model; made when it is first needed. */
export function speaker(): Client {
  client ??= new Client();
  return client;
}

/** Opens what the address names, or the first model in the box. */
export async function openFirst(): Promise<void> {
  if (source.value !== undefined) return;
  boxed.value ??= await listBoxed();
  const named = parameters.get('model');
  const first = named ?? (boxed.value[0] === undefined ? undefined : addressOf(boxed.value[0]));
  if (first !== undefined) await open(first);
}

export function addressOf(boxedName: string): string {
  return new URL(`models/${boxedName}`, document.baseURI.split(/[?#]/)[0]).href;
}

/** @param model the address of a model folder, or a Hub name */
export async function open(model: string): Promise<void> {
  source.value = model;
  trouble.value = undefined;
  loading.value = { phase: 'Starting', share: 0 };
  await untilIsolated();
  try {
    // An address that the reader typed counts from the page, not from the worker's script.
    const absolute = /^[\w-]+\/[\w.-]+$/.test(model) ? model : new URL(model, document.baseURI).href;
    card.value = await speaker().call(
      'load',
      { source: absolute, engine: engineChoice.value },
      {
        onEvent: ({ phase, loaded, total }) => {
          const share = total > 0 ? loaded / total : 0;
          loading.value = {
            phase: phase === 'download' ? 'Fetching the model' : 'Reading its weights',
            share,
          };
        },
      },
    );
  } catch (error) {
    trouble.value = error instanceof Error ? error.message : String(error);
    if (card.value === undefined) source.value = undefined;
  } finally {
    loading.value = undefined;
  }
}

async function listBoxed(): Promise<readonly string[]> {
  try {
    const response = await fetch('./models.json');
    return response.ok ? ((await response.json()) as string[]) : [];
  } catch {
    return [];
  }
}
