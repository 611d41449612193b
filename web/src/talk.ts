/** The current talk: its turns, what can be done with them, and how it is kept. */
import { effect, signal } from '@preact/signals';
import type { Answered, ChatEvent, ChatMessage } from './engine/protocol.ts';
import { firstWords, type Kept, list, newId, put, remove } from './keep.ts';
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
export const draft = signal('');
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

// A model that was loaded takes over the talk, or another one begins.
effect(() => {
  const loaded = card.value;
  if (loaded) void restored.then(() => takeOver(loaded.name));
});

async function takeOver(model: string): Promise<void> {
  const { turns, model: earlier } = talk.peek();
  heldBy = undefined;
  if (turns.length > 0 && earlier !== model) {
    talk.value = emptyTalk();
    generation.status.value = ''; // it would hide the notice
    notice.value = `A new talk: ${model} was not there in the one with ${earlier}, which is kept below.`;
  }
  await hold();
}

/** Tells the model what was said, if it does not know. */
async function hold(): Promise<void> {
  const { turns, saved } = talk.peek();
  const { fingerprint } = card.peek()!;
  if (heldBy === fingerprint) return;
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
  draft.value = '';
  const before = talk.value;
  change({ turns: [...before.turns, { who: 'you', text: said }, { who: 'model', text: '' }], cut: false });
  await answer(async (onEvent, signal) => {
    await hold();
    return modelWorker().call('chat', { message: said, ...sampling() }, { onEvent, signal });
  });
  if (talk.value.turns.at(-1)!.text !== '') return;
  // It was stopped, or failed, before the answer began: the message goes back to where it was written.
  talk.value = before;
  draft.value = said;
}

/** More of an answer that was cut off. */
export function goOn(): Promise<void> {
  return answer(async (onEvent, signal) => {
    await hold();
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
  if (said !== undefined) draft.value = said;
}

async function takeBack(index: number): Promise<string | undefined> {
  const { turns } = talk.value;
  const turn = turns[index];
  if (turn?.who !== 'you' || generation.running.value) return undefined;
  await hold();
  await modelWorker().call('rewindChat', { index });
  change({ turns: turns.slice(0, index), cut: false, saved: undefined });
  await keep();
  return turn.text;
}

export async function newTalk(): Promise<void> {
  if (generation.running.value) return;
  talk.value = emptyTalk();
  notice.value = generation.status.value = '';
  heldBy = undefined;
}

export async function openTalk(chosen: Talk): Promise<void> {
  if (generation.running.value) return;
  talk.value = { ...chosen, model: card.value?.name ?? chosen.model };
  notice.value = '';
  heldBy = undefined;
}

export async function rename(chosen: Talk, name: string): Promise<void> {
  const renamed = { ...chosen, name };
  if (talk.value.id === chosen.id) change({ name });
  await put('talks', renamed);
  talks.value = await list<Talk>('talks');
}

export async function forget(chosen: Talk): Promise<void> {
  await remove('talks', chosen.id);
  if (talk.value.id === chosen.id) await newTalk();
  talks.value = await list<Talk>('talks');
}

function sampling() {
  return { temperature: temperature.value, maxTokens: maxTokens.value };
}

type Ask = (onEvent: (event: ChatEvent) => void, signal: AbortSignal) => Promise<Answered>;

async function answer(ask: Ask): Promise<void> {
  notice.value = spoken.value = '';
  const begun = talk.value.turns.at(-1)!.text;
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
  if (added === '') return;
  if (generation.stopped) change({ cut: true });
  await keep();
}

function change(part: Partial<Talk>): void {
  talk.value = { ...talk.value, ...part };
}

async function keep(): Promise<void> {
  const { turns, name } = talk.value;
  const { saved, messages } = await modelWorker().call('saveChat', undefined);
  // After a stop the model may have written a little more than has arrived here.
  const last = messages.at(-1)?.content;
  const whole =
    last === undefined
      ? turns
      : turns.map((turn, k) => (k === turns.length - 1 ? { ...turn, text: last } : turn));
  change({
    ...{ model: card.value!.name, changed: Date.now(), name: name || firstWords(turns[0]?.text ?? 'Talk') },
    ...{ saved, turns: whole },
  });
  await put('talks', talk.value);
  talks.value = await list<Talk>('talks');
}

/** A talk that somebody handed on: kept, then opened. */
export async function openTalkFile({
  name,
  model,
  turns,
}: Pick<Talk, 'name' | 'model' | 'turns'>): Promise<void> {
  await restored;
  const given: Talk = { ...emptyTalk(), name, model, turns, changed: Date.now() };
  await put('talks', given);
  talks.value = await list<Talk>('talks');
  await openTalk(given);
}
