/** Models that the reader has trained or was given: kept in this browser under names, each handed on as one file. */
import { signal } from '@preact/signals';
import type { Client } from './engine/client.ts';
import { type Kept, list, newId, put, remove, whenChanged } from './keep.ts';
import { open } from './store.ts';
import { filesInTar, tarOf } from './tar.ts';

export interface TrainedModel extends Kept {
  /** Of the model, as `tar` packs it. */
  readonly file: Blob;
  /** Updates that its weights have had; undefined for one that came from elsewhere. */
  readonly steps: number | undefined;
  readonly parameters: number | undefined;
}

export const trainedModels = signal<readonly TrainedModel[]>([]);

export async function listTrained(): Promise<void> {
  trainedModels.value = await list<TrainedModel>('models');
}

whenChanged('models', listTrained);

/** Keeps what a worker has trained; under the same `id` it takes the place of what was kept before. */
export async function keepTrained(client: Client, id: string, name: string): Promise<void> {
  const { files, steps, parameters } = await client.call('exportTrained', undefined);
  const earlier = trainedModels.value.find((model) => model.id === id);
  await keep({ id, name: earlier?.name ?? name, changed: Date.now(), file: tarOf(files), steps, parameters });
}

export async function renameTrained(model: TrainedModel, name: string): Promise<void> {
  await keep({ ...model, name });
}

export async function deleteTrained({ id }: TrainedModel): Promise<void> {
  await remove('models', id);
  await listTrained();
}

/** Loads it for all pages. */
export async function openTrained({ name, file }: TrainedModel): Promise<void> {
  await open({ name, files: await filesInTar(file) });
}

export const isModelFile = ({ name }: File) => /\.tar$/i.test(name);

/** A file that somebody handed on: kept, then opened. @throws Error if it holds no model */
export async function openModelFile(file: File): Promise<void> {
  const files = await filesInTar(file);
  if (!files.some(({ name }) => name === 'config.json')) {
    throw new Error(
      `${file.name}: found ${files.map(({ name }) => name).join(', ')}, expected a config.json`,
    );
  }
  const name = file.name.replace(/\.tar$/i, '');
  const model = { id: newId(), name, changed: Date.now(), steps: undefined, parameters: undefined };
  await keep({ ...model, file: file.slice() });
  await open({ name, files });
}

async function keep(model: TrainedModel): Promise<void> {
  await put('models', model);
  await listTrained();
}
