/**
 * Checkpoints of a run: `model.safetensors` (a Hugging Face model as it stands) and `optimizer-<step>.safetensors`
 * (AdamW's moments). Two files cannot be replaced at once, so there is one commit point: the moments of a new step
 * are written beside the old ones, and the model, whose metadata names its step, is renamed into place last. The
 * moments that belong to the model are therefore always there.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Checkpoint } from '../checkpoint/checkpoint.ts';
import { loadParameters } from '../checkpoint/load.ts';
import { SafetensorsFile } from '../checkpoint/safetensors.ts';
import { type TensorEntry, writeSafetensors } from '../checkpoint/writeSafetensors.ts';
import { InputError } from '../errors.ts';
import { isAbandoned } from '../processMark.ts';
import { EngineParameterStore } from '../run/store.ts';
import { DivergenceError, type Trainer } from './trainer.ts';
import { type RestoredTensor, type SavedTensor, stored } from './update.ts';

const modelFile = 'model.safetensors';
const optimizerFile = (step: number) => `optimizer-${step}.safetensors`;

/** Writes the state after `step` updates. Until it is complete, readers find the earlier state, also after a crash. */
export async function saveState(folder: string, trainer: Trainer, step: number): Promise<void> {
  const { engine, group, update, weights } = trainer;
  await trainer.refuseDrift();
  for (const tensor of weights.all()) refuseDiverged(tensor.name, await engine.read(tensor), step);
  const saved = update.saved();
  if (group.rank > 0) {
    for (const tensor of saved) await tensor.read(); // collective: rank 0 receives and writes the data
    return;
  }
  const checked = saved.map((tensor) => ({
    ...tensor,
    async read() {
      const bytes = await tensor.read();
      refuseDiverged(tensor.name, bytes, step);
      return bytes;
    },
  }));
  const states = update.states > 1 ? { states: String(update.states) } : {};
  await writeSafetensors(join(folder, optimizerFile(step)), checked.map(entryOf), states);
  const metadata = { format: 'pt', step: String(step) };
  const parameters = weights.all().map((tensor) => entryOf(stored(engine, tensor)));
  await writeSafetensors(join(folder, modelFile), parameters, metadata);
  await removeOthers(folder, step);
}

/** Fills weights and moments. Returns the number of updates that they have had. */
export async function loadState(folder: string, trainer: Trainer): Promise<number> {
  const step = await savedStep(folder);
  await loadWeights(folder, trainer);
  const file = await SafetensorsFile.open(join(folder, optimizerFile(step)));
  try {
    const states = Number(file.metadata.states ?? 1);
    for (const tensor of trainer.update.restored(states)) await readTensor(file, tensor);
  } finally {
    await file.close();
  }
  return step;
}

/** Fills the weights from any checkpoint of the same model. */
export async function loadWeights(folder: string, trainer: Trainer): Promise<void> {
  const checkpoint = await Checkpoint.open(folder);
  const store = new EngineParameterStore(trainer.engine, () => trainer.weights);
  try {
    await loadParameters(checkpoint, trainer.specs, store, { mode: 'training' });
  } finally {
    await checkpoint.close();
  }
}

/** Updates that the saved model has had. */
export async function savedStep(folder: string): Promise<number> {
  const file = await SafetensorsFile.open(join(folder, modelFile));
  await file.close();
  const step = file.metadata.step ?? '';
  if (/^\d{1,15}$/.test(step)) return Number(step);
  throw new InputError(
    `${file.path}: metadata: step: found ${JSON.stringify(file.metadata.step) ?? 'nothing'}, expected a number; ` +
      'this is not a checkpoint of a training run, use --from to start from it',
  );
}

function entryOf({ name, shape, read }: SavedTensor): TensorEntry {
  async function* chunks() {
    yield await read();
  }
  return { name, shape, dtype: 'F32', chunks };
}

async function readTensor(file: SafetensorsFile, { name, shape, write }: RestoredTensor): Promise<void> {
  const info = file.tensors.get(name);
  if (info?.dtype !== 'F32' || info.shape.join() !== shape.join()) {
    const found = info ? `${info.dtype} [${info.shape}]` : 'nothing';
    throw new InputError(`${file.path}: tensor "${name}": found ${found}, expected F32 [${shape}]`);
  }
  const bytes = await file.read(name);
  const wrong = floatsOf(bytes).findIndex((x) => !isMoment(name, x));
  if (wrong >= 0) {
    const expected = isSquare(name) ? 'a finite number, 0 or more' : 'a finite number';
    throw new InputError(
      `${file.path}: tensor "${name}": found ${floatsOf(bytes)[wrong]} at ${wrong}, expected ${expected}; ` +
        'the file is damaged, and training cannot resume from it',
    );
  }
  write(bytes);
}

/** AdamW's mean of squared gradients. */
function isSquare(name: string): boolean {
  return name.endsWith('.v') && !name.startsWith('outer.');
}

function isMoment(name: string, x: number): boolean {
  return Number.isFinite(x) && (x >= 0 || !isSquare(name));
}

function floatsOf(bytes: Uint8Array): Float32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
}

/** The loss is that before the update, so the new weights are checked before they replace a good checkpoint. */
function refuseDiverged(name: string, bytes: Uint8Array, step: number): void {
  const floats = floatsOf(bytes);
  const wrong = floats.findIndex((x) => !Number.isFinite(x));
  if (wrong < 0) return;
  throw new DivergenceError(
    `step ${step}: "${name}" holds ${floats[wrong]} at ${wrong}, expected finite numbers; the last checkpoint is kept; ` +
      'try a lower learning rate or a longer warm-up',
  );
}

/** Moments of other steps, and files that a killed process left half written. */
async function removeOthers(folder: string, step: number): Promise<void> {
  const state = /^(optimizer-\d+|model)\.safetensors/;
  const moments = /^optimizer-\d+\.safetensors$/;
  for (const name of await readdir(folder)) {
    const stale = moments.test(name) ? name !== optimizerFile(step) : state.test(name) && isAbandoned(name);
    if (stale) await rm(join(folder, name), { force: true });
  }
}
