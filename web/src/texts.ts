/** What the reader writes with the model: the current text, and those that are kept. */
import { signal } from '@preact/signals';
import { firstWords, type Kept, list, newId, put, remove, whenChanged, whenHidden } from './keep.ts';
import { Generation } from './parts/generation.ts';

export interface KeptText extends Kept {
  readonly text: string;
}

const beginning = 'Once upon a time';

export const text = signal(beginning);
export const texts = signal<readonly KeptText[]>([]);
export const id = signal(newId());
export const generation = new Generation();

/** Opens the latest text, unless the reader has begun one. */
export const textsRestored = (async () => {
  texts.value = await list<KeptText>('texts');
  const [last] = texts.value;
  if (last && text.value === beginning) openText(last);
})();

export function isCurrent(one: KeptText): boolean {
  return one.id === id.value;
}

/** Keeps the current text, once there is something of its own in it. */
export async function keepText(): Promise<void> {
  if (text.value.trim() === '' || text.value === beginning) return;
  const kept = texts.value.find(isCurrent);
  if (kept?.text === text.value) return;
  const name = kept?.name ?? firstWords(text.value);
  await store({ id: id.value, name, changed: Date.now(), text: text.value });
}

async function store(one: KeptText): Promise<void> {
  await put('texts', one);
  texts.value = await list<KeptText>('texts');
}

// A field reports a change when it loses focus, which a closed page does not wait for.
whenHidden(() => void keepText());

// Another tab has changed a text.
whenChanged('texts', async () => {
  const before = texts.value.find(isCurrent);
  texts.value = await list<KeptText>('texts');
  const now = texts.value.find(isCurrent);
  if (now?.text === before?.text) return;
  if (generation.running.value || text.value !== before?.text)
    id.value = newId(); // each tab keeps its own
  else if (now) text.value = now.text;
  else newText();
});

export function openText(one: KeptText): void {
  void keepText(); // what was written of the earlier one
  generation.stop();
  id.value = one.id;
  text.value = one.text;
}

/** A text that was dropped on the page: kept, then opened. */
export async function openTextFile(name: string, content: string): Promise<void> {
  await textsRestored;
  const given: KeptText = { id: newId(), name, changed: Date.now(), text: content };
  await store(given);
  openText(given);
}

export function newText(): void {
  generation.stop();
  id.value = newId();
  text.value = beginning;
}

export const renameText = (one: KeptText, name: string) => store({ ...one, name });

export async function deleteText(one: KeptText): Promise<void> {
  await remove('texts', one.id);
  texts.value = await list<KeptText>('texts');
  if (isCurrent(one)) newText();
}

/** After everything was erased. */
export function forgetTexts(): void {
  texts.value = [];
  newText();
}
