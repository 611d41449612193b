/** What the pages share: the model that is loaded, and the worker that holds it. */
import { signal } from '@preact/signals';
import { findInCatalogue } from '../../src/checkpoint/catalogue.ts';
import { Client } from './engine/client.ts';
import type { EngineChoice, ModelCard, Source } from './engine/protocol.ts';
import { isKept, untilIsolated } from './offline.ts';

const parameters = new URLSearchParams(location.search);
const choices: readonly EngineChoice[] = ['auto', 'gpu', 'threads', 'single'];

/** Names of the bundled models. */
export const bundled = signal<readonly string[] | undefined>(undefined);
export const source = signal<Source | undefined>(undefined);
export const engineChoice = signal<EngineChoice>(
  choices.find((choice) => choice === parameters.get('engine')) ?? 'auto',
);
export const card = signal<ModelCard | undefined>(undefined);
/** Whether the loaded model would load again without a network. */
export const modelKept = signal(false);

export interface Loading {
  readonly phase: 'start' | 'download' | 'load';
  /** Bytes. */
  readonly loaded: number;
  readonly total: number;
  /** Bytes of memory that the model needs; undefined until it is known. */
  readonly memory?: number | undefined;
  /** Seconds; undefined until the speed is known. */
  readonly secondsLeft: number | undefined;
}

/** Present while a model is on its way. */
export const loading = signal<Loading | undefined>(undefined);

export interface Trouble {
  readonly message: string;
  /** Tries again what failed. */
  readonly retry: () => Promise<void>;
}

export const trouble = signal<Trouble | undefined>(undefined);

let client: Client | undefined;

/** The worker with the model; made when it is first needed. */
export function modelWorker(): Client {
  client ??= new Client();
  return client;
}

/** Opens what the address names, or the first model that came with the page. */
export async function openFirst(): Promise<void> {
  if (source.value !== undefined || loading.value) return;
  trouble.value = undefined;
  const named = parameters.get('model') || null;
  try {
    bundled.value ??= await listBundled();
  } catch (error) {
    if (named === null) {
      trouble.value = {
        message: `The list of models could not be fetched: ${reasonOf(error)}.`,
        retry: openFirst,
      };
      return;
    }
  }
  const first = named ?? bundled.value?.[0];
  if (first !== undefined) await open(named ?? addressOf(first));
}

export function addressOf(bundledName: string): string {
  return new URL(`models/${bundledName}`, document.baseURI.split(/[?#]/)[0]).href;
}

/** What `card` describes. */
let opened: Source | undefined;
let address: Source | undefined;
/** Counts calls of `open`: once there is a later one, an earlier one ends unseen. */
let calls = 0;

/** @param model the address of a model folder or GGUF file, a Hub name, a name of the catalogue, or the reader's files */
export async function open(model: Source): Promise<void> {
  const call = ++calls;
  source.value = model;
  trouble.value = undefined;
  loading.value = { phase: 'start', loaded: 0, total: 0, secondsLeft: undefined };
  await untilIsolated();
  try {
    // An address that the reader typed counts from the page, not from the worker's script.
    const absolute =
      typeof model === 'string' && !isName(model) && URL.canParse(model, document.baseURI)
        ? new URL(model, document.baseURI).href
        : model;
    const clock = new Clock();
    const request = { source: absolute, engine: engineChoice.value };
    let memory: number | undefined;
    card.value = await modelWorker().call('load', request, {
      onEvent: (event) => {
        if (call !== calls) return;
        if ('needed' in event) {
          memory = event.needed;
          return;
        }
        const { phase, loaded, total } = event;
        loading.value = {
          phase,
          loaded,
          total,
          memory,
          secondsLeft: clock.secondsLeft(phase, loaded, total),
        };
      },
    });
    opened = model;
    address = absolute;
    await checkKept();
  } catch (error) {
    if (call !== calls) return;
    trouble.value = { message: reasonOf(error), retry: () => open(model) };
    source.value = opened; // which is still there
  } finally {
    if (call === calls) loading.value = undefined;
  }
}

/** The reader may have deleted what was kept of the open model. */
export async function checkKept(): Promise<void> {
  modelKept.value = typeof address === 'string' && (await isKept(address));
}

/** A name on the Hub or in the catalogue. */
function isName(model: string): boolean {
  return /^[\w-]+\/[\w.-]+(:[\w.-]+)?$/.test(model) || findInCatalogue(model) !== undefined;
}

/** Estimates from the speed so far in the same phase. */
class Clock {
  #phase = '';
  #began = 0;
  #first = 0;

  secondsLeft(phase: string, loaded: number, total: number): number | undefined {
    if (phase !== this.#phase) [this.#phase, this.#began, this.#first] = [phase, performance.now(), loaded];
    const seconds = (performance.now() - this.#began) / 1000;
    if (seconds < 1 || loaded <= this.#first) return undefined;
    return ((total - loaded) * seconds) / (loaded - this.#first);
  }
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
}

async function listBundled(): Promise<readonly string[]> {
  const response = await fetch('./models.json');
  if (response.status === 404) return [];
  if (!response.ok) throw new Error(`status ${response.status}`);
  return (await response.json()) as string[];
}
