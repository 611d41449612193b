/** State shared by the pages: the loaded model, and the worker that holds it. */
import { signal } from '@preact/signals';
import { Client } from './engine/client.ts';
import type { EngineChoice, ModelCard } from './engine/protocol.ts';
import { untilIsolated } from './offline.ts';

const parameters = new URLSearchParams(location.search);
const choices: readonly EngineChoice[] = ['auto', 'gpu', 'threads', 'single'];

/** Names of the bundled models. */
export const bundled = signal<readonly string[] | undefined>(undefined);
export const source = signal<string | undefined>(undefined);
export const engineChoice = signal<EngineChoice>(
  choices.find((choice) => choice === parameters.get('engine')) ?? 'auto',
);
export const card = signal<ModelCard | undefined>(undefined);
/** Present while a model is loading; `share` from 0 to 1. */
export const loading = signal<{ readonly phase: string; readonly share: number } | undefined>(undefined);
export const trouble = signal<string | undefined>(undefined);

let client: Client | undefined;

/** The worker with the model; created on first use. */
export function modelWorker(): Client {
  client ??= new Client();
  return client;
}

/** Opens the model in the page's address, or the first bundled one. */
export async function openFirst(): Promise<void> {
  if (source.value !== undefined) return;
  bundled.value ??= await listBundled();
  const named = parameters.get('model');
  const first = named ?? (bundled.value[0] === undefined ? undefined : addressOf(bundled.value[0]));
  if (first !== undefined) await open(first);
}

export function addressOf(bundledName: string): string {
  return new URL(`models/${bundledName}`, document.baseURI.split(/[?#]/)[0]).href;
}

/** @param model the address of a model folder, or a Hub name */
export async function open(model: string): Promise<void> {
  source.value = model;
  trouble.value = undefined;
  loading.value = { phase: 'Starting', share: 0 };
  await untilIsolated();
  try {
    // An address that the reader typed is relative to the page, not to the worker's script.
    const absolute = /^[\w-]+\/[\w.-]+$/.test(model) ? model : new URL(model, document.baseURI).href;
    card.value = await modelWorker().call(
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

async function listBundled(): Promise<readonly string[]> {
  try {
    const response = await fetch('./models.json');
    return response.ok ? ((await response.json()) as string[]) : [];
  } catch {
    return [];
  }
}
