/** Files that are dropped anywhere on the page: a model, a talk or a text, each opened where it belongs. */
import { type Dropped, filesOf } from './entries.ts';
import { readText } from './readText.ts';
import { open, trouble } from './store.ts';
import { openTalkFile } from './talk.ts';
import { talkIn } from './talkFile.ts';
import { openTextFile } from './texts.ts';
import { isModelFile, openModelFile } from './trained.ts';
import { mode } from './writeMode.ts';

const words = /\.(txt|md|markdown)$/i;

export async function openDropped(dropped: readonly Dropped[]): Promise<void> {
  const files = await filesOf(dropped);
  const [first] = files;
  if (!first) return;
  if (files.length === 1 && words.test(first.name)) return openWords(first);
  location.hash = 'models'; // it shows how far the model is, and what is wrong with it
  await openFiles(files);
}

/** A talk that a page like this exported, or any other text. */
async function openWords(file: File): Promise<void> {
  try {
    const { text } = await readText(file);
    const name = file.name.replace(words, '');
    const talk = talkIn(text);
    mode.value = talk ? 'chat' : 'text';
    if (talk) await openTalkFile(talk);
    else await openTextFile(name, text);
    location.hash = 'write';
  } catch (error) {
    trouble.value = {
      message: error instanceof Error ? error.message.replace(/\.$/, '') : String(error),
      retry: () => openWords(file),
    };
  }
}

/** A model: what a page like this saved, a GGUF file, or the files of a folder. */
export async function openFiles(files: readonly File[]): Promise<void> {
  const handedOn = files.find(isModelFile);
  const model = modelFilesOf(files);
  if (!handedOn && model.length > 0) return open(model);
  trouble.value = undefined;
  try {
    if (handedOn) return await openModelFile(handedOn);
    const names = files.map(({ name }) => name).join(', ');
    throw new Error(
      `Found ${names || 'no file'}, expected a .tar that a page like this saved, a .gguf file, or the files of a model with its config.json`,
    );
  } catch (error) {
    trouble.value = { message: (error as Error).message.replace(/\.$/, ''), retry: () => openFiles(files) };
  }
}

/** Files of a model's folder; others in it, such as pictures, are left out. */
function modelFilesOf(files: readonly File[]): readonly File[] {
  return files.filter(({ name }) => /\.(gguf|json|safetensors|jinja|model)$/i.test(name));
}
