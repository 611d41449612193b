/** The current talk: its turns, what can be done with them, and how it is kept. */
import { effect, signal } from '@preact/signals';
import type { Answered, ChatEvent, ChatMessage } from './engine/protocol.ts';
import { draftOf, firstWords, type Kept, list, newId, put, remove, whenChanged, whenHidden } from './keep.ts';
import { describeSpeed, Generation } from './parts/generation.ts';
import { maxTokens, temperature } from './parts/samplingControls.tsx';
import { card, modelWorker } from './store.ts';

export interface Turn {
  readonly who: 'you' | 'model';
  readonly text: string;
}

/** A talk as it is kept. */
export interface Talk extends Kept {
  /** Name of the model. */
  readonly model: string;
  readonly turns: readonly Turn[];
  /** The last answer was cut off, and the model can continue it. */
  readonly cut: boolean;
  /** What `saveChat` gave: the model's state after the last turn. */
  readonly saved: string | undefined;
}

export const talk = signal<Talk>(emptyTalk());
export const talks = signal<readonly Talk[]>([]);
export const draft = draftOf('draft');
/** What happens beside the talk, in a sentence. */
export const notice = signal('');
/** The last answer, once it is complete: read out at once, not piece by piece. */
export const spoken = signal('');
export const generation = new Generation();

function emptyTalk(): Talk {
  return { id: newId(), name: '', changed: 0, model: '', turns: [], cut: false, saved: undefined };
}

/** The fingerprint of the model that holds this talk in its state. */
let heldBy: number | undefined;

export const restored = (async () => {
  talks.value = await list<Talk>('talks');
  const [last] = talks.value;
  if (last && talk.value.turns.length === 0) talk.value = last;
})();

// Another tab has changed a talk.
whenChanged('talks', async () => {
  const { id } = talk.value;
  const current = () => talks.value.find((one) => one.id === id);
  const before = current();
  talks.value = await list<Talk>('talks');
  const now = current();
  if (talk.value.id !== id || (now?.changed === before?.changed && now?.name === before?.name)) return;
  if (generation.running.value)
    change({ id: newId() }); // each tab keeps its own
  else if (now) await openTalk(now);
  else newTalk();
});

// A model that was loaded takes over the talk, or another one begins.
effect(() => {
  const loaded = card.value;
  if (loaded) void restored.then(() => takeOver(loaded.name));
});

async function takeOver(model: string): Promise<void> {
  const { turns, model: earlier } = talk.peek();
  heldBy = undefined;
  // Without a name, its first message waits for this very model.
  if (turns.length > 0 && earlier !== '' && earlier !== model) {
    talk.value = emptyTalk();
    generation.status.value = ''; // it would hide the notice
    notice.value = `A new talk: ${model} was not there in the one with ${earlier}, which is kept below.`;
  }
  if (!generation.running.peek()) await hold(); // a message that is being sent does it
}

/** Tells the model what was said before, if it does not know. */
async function hold({ turns, saved } = talk.peek()): Promise<void> {
  const { fingerprint } = card.peek()!;
  if (heldBy === fingerprint) return;
  if (saved === undefined) change({ cut: false }); // only a state can be continued
  if (turns.length > 0) await modelWorker().call('openChat', { saved, messages: messagesOf(turns) });
  else await modelWorker().call('newChat', undefined);
  heldBy = fingerprint;
}

function messagesOf(turns: readonly Turn[]): ChatMessage[] {
  return turns.map(({ who, text }) => ({ role: who === 'you' ? 'user' : 'assistant', content: text }));
}

export async function send(message: string): Promise<void> {
  const said = message.trim();
  if (said === '' || generation.running.value) return;
  const before = talk.value;
  change({ turns: [...before.turns, { who: 'you', text: said }, { who: 'model', text: '' }], cut: false });
  await answer(async (onEvent, signal) => {
    await hold(before);
    return modelWorker().call('chat', { message: said, ...sampling() }, { onEvent, signal });
  });
  if (talk.value.turns.at(-1)?.text !== '') return;
  // It was stopped, or failed, before the answer began: the message goes back to where it was written.
  talk.value = before;
  giveBack(said);
}

/** What is being written there already stays. */
function giveBack(said: string): void {
  draft.value = [said, draft.value].filter((text) => text !== '').join('\n\n');
}

/** More of an answer that was cut off. */
export function goOn(): Promise<void> {
  const before = talk.value;
  return answer(async (onEvent, signal) => {
    await hold(before);
    return modelWorker().call('continueChat', sampling(), { onEvent, signal });
  });
}

/** Another answer to the last message. */
export async function regenerate(): Promise<void> {
  const said = await takeBack(talk.value.turns.length - 2);
  if (said !== undefined) await send(said);
}

/** Takes a message back for editing, with everything after it. */
export async function edit(index: number): Promise<void> {
  const said = await takeBack(index);
  if (said !== undefined) giveBack(said);
}

async function takeBack(index: number): Promise<string | undefined> {
  const { turns } = talk.value;
  const turn = turns[index];
  if (turn?.who !== 'you') return undefined;
  let said: string | undefined;
  await generation.run(async () => {
    await hold();
    await modelWorker().call('rewindChat', { index });
    change({ turns: turns.slice(0, index), cut: false, saved: undefined });
    await keep();
    said = turn.text;
    return '';
  });
  return said;
}

export function newTalk(): void {
  generation.stop();
  talk.value = emptyTalk();
  notice.value = generation.status.value = '';
  heldBy = undefined;
}

export async function openTalk(chosen: Talk): Promise<void> {
  if (generation.running.value) return;
  const model = card.value?.name ?? chosen.model;
  talk.value = { ...chosen, model, cut: chosen.cut && chosen.model === model };
  notice.value = '';
  heldBy = undefined;
}

export async function rename(chosen: Talk, name: string): Promise<void> {
  const renamed = { ...chosen, name };
  if (talk.value.id === chosen.id) change({ name });
  await store(renamed);
}

export async function forget(chosen: Talk): Promise<void> {
  if (talk.value.id === chosen.id) newTalk();
  await remove('talks', chosen.id);
  talks.value = await list<Talk>('talks');
}

function sampling() {
  return { temperature: temperature.value, maxTokens: maxTokens.value };
}

type Ask = (onEvent: (event: ChatEvent) => void, signal: AbortSignal) => Promise<Answered>;

async function answer(ask: Ask): Promise<void> {
  notice.value = spoken.value = '';
  const begun = talk.value.turns.at(-1)!.text;
  change({ saved: undefined }); // from before this answer
  let added = '';
  await generation.run(async (signal) => {
    const onEvent = (event: ChatEvent) => {
      if ('read' in event) {
        if (event.read < event.total) {
          generation.status.value = `Reading: ${Math.round((100 * event.read) / event.total)}%`;
        }
        return;
      }
      generation.status.value = 'Writing…';
      added += event.text;
      change({ turns: [...talk.value.turns.slice(0, -1), { who: 'model', text: begun + added }] });
    };
    const answered = await ask(onEvent, signal);
    change({ cut: answered.canContinue });
    spoken.value = added;
    return describeSpeed(answered);
  });
  // A stopped answer can be continued, too; the model knows how far it came.
  if (added === '' || talk.value.turns.at(-1)?.text !== begun + added) return; // or the talk is gone
  if (generation.stopped) change({ cut: true });
  await keep();
}

function change(part: Partial<Talk>): void {
  talk.value = { ...talk.value, ...part };
}

async function store(one: Talk): Promise<void> {
  await put('talks', one);
  talks.value = await list<Talk>('talks');
}

/** As the shelf shows it, without the model's state. */
function named(one: Talk): Talk {
  const name = one.name || firstWords(one.turns[0]?.text ?? 'Talk');
  return { ...one, name, model: card.value!.name, changed: Date.now() };
}

// A closed page does not wait for the end of an answer.
whenHidden(() => {
  if (!generation.running.value) return;
  const { turns, ...rest } = named(talk.value);
  void store({ ...rest, turns: turns.filter(({ text }) => text !== '') });
});

async function keep(): Promise<void> {
  const asked = modelWorker().call('saveChat', undefined);
  const now = named(talk.value);
  talk.value = now;
  await store(now);
  const { saved, messages } = await asked;
  const kept = talks.value.find(({ id }) => id === now.id);
  // Deleted meanwhile, or another model came first, which knows nothing of this talk.
  if (!kept || messages.length !== now.turns.length) return;
  // After a stop the model may have written a little more than has arrived here.
  const whole = (turns: readonly Turn[]) =>
    turns.map((turn, k) => ({ ...turn, text: messages[k]?.content ?? turn.text }));
  const isSame = talk.value.turns === now.turns;
  // Meanwhile the reader may have sent a message, or opened another talk.
  if (talk.value.id === now.id) change({ turns: whole(talk.value.turns), ...(isSame ? { saved } : {}) });
  await store({ ...kept, saved, turns: whole(now.turns) });
}

/** A talk that somebody handed on: kept, then opened. */
export async function openTalkFile({
  name,
  model,
  turns,
}: Pick<Talk, 'name' | 'model' | 'turns'>): Promise<void> {
  await restored;
  const given: Talk = { ...emptyTalk(), name, model, turns, changed: Date.now() };
  await store(given);
  await openTalk(given);
}
