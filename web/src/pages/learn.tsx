/** Trains a model on the reader's own text, in the tab. */
import { computed, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { formatBytes, formatCount } from '../../../src/format.ts';
import { type CallOptions, Client } from '../engine/client.ts';
import type { TrainingEvent, TrainingRequest } from '../engine/protocol.ts';
import { draftOf, firstWords, newId } from '../keep.ts';
import { untilIsolated } from '../offline.ts';
import { Memorised } from '../parts/memorised.tsx';
import { Trouble } from '../parts/needsModel.tsx';
import { Progress } from '../parts/progress.tsx';
import { TrainedShelf } from '../parts/trainedShelf.tsx';
import { TrainedWriter } from '../parts/trainedWriter.tsx';
import { readText } from '../readText.ts';
import { engineChoice, trouble } from '../store.ts';
import { isModelFile, keepTrained } from '../trained.ts';

type Begin = Extract<TrainingEvent, { event: 'begin' }>;
type Point = readonly [step: number, loss: number];

const text = draftOf('learn');
/** How the opened file was read. */
const fileNote = signal('');
/** Its name, without what follows the point. */
const openedFile = signal('');
const words = computed(() => text.value.match(/\S+/g)?.length ?? 0);
/** A longer text would make each key slow in the field; its beginning is shown instead. */
const maxShown = 300_000;
const steps = signal(300);
const size = signal<TrainingRequest['size']>('small');
const prompt = signal('');
/** The current activity; the empty state is `idle`. A stopped training can be continued. */
const phase = signal<'idle' | 'tokenizer' | 'training' | 'stopped' | 'done'>('idle');
const status = signal('');
const begin = signal<Begin | undefined>(undefined);
const losses = signal<readonly Point[]>([]);
const validations = signal<readonly Point[]>([]);
const samples = signal<readonly { readonly step: number; readonly text: string }[]>([]);
const speed = signal(0);

/** A separate worker, so that the chat continues during training. */
let client: Client | undefined;
let controller: AbortController | undefined;

function trainingWorker(): Client {
  client ??= new Client();
  return client;
}

/** The name under which the model will be kept, and where. */
let kept = { id: '', name: '' };

function learn(): Promise<void> {
  begin.value = undefined;
  losses.value = validations.value = [];
  speed.value = 0;
  samples.value = [];
  phase.value = 'tokenizer';
  status.value = 'Learning the words…';
  prompt.value = beginningOf(text.value);
  kept = { id: newId(), name: openedFile.value || firstWords(text.value.trim()) };
  const request: TrainingRequest = {
    ...{ text: text.value, steps: steps.value, size: size.value, engine: engineChoice.value },
    prompt: prompt.value,
  };
  return train((options) => trainingWorker().call('train', request, options));
}

function resume(): Promise<void> {
  phase.value = 'training';
  status.value = 'Training…';
  return train((options) => trainingWorker().call('resumeTraining', undefined, options));
}

async function train(call: (options: CallOptions<TrainingEvent>) => Promise<unknown>): Promise<void> {
  controller = new AbortController();
  const { signal } = controller;
  try {
    await call({ onEvent: hear, signal });
    status.value = `Done: ${begin.value!.steps} steps.`;
    phase.value = 'done';
  } catch (error) {
    status.value = signal.aborted ? 'Stopped.' : error instanceof Error ? error.message : String(error);
    phase.value = losses.value.length === 0 ? 'idle' : signal.aborted ? 'stopped' : 'done';
  }
  if (losses.value.length > 0) await keepTrained(trainingWorker(), kept.id, kept.name);
}

// Until a training stops, nothing of it is kept: the browser asks whether to leave it.
addEventListener('beforeunload', (event) => {
  if (phase.value === 'training') event.preventDefault();
});

function hear(event: TrainingEvent): void {
  switch (event.event) {
    case 'tokenizer':
      status.value = `Learning the words: ${Math.round(100 * event.share)}%`;
      break;
    case 'begin':
      begin.value = event;
      phase.value = 'training';
      status.value = 'Training…';
      break;
    case 'step':
      losses.value = [...losses.value, [event.step, event.loss]];
      // A moving mean, because single steps vary.
      speed.value = speed.value ? 0.9 * speed.value + 0.1 * event.tokensPerSecond : event.tokensPerSecond;
      break;
    case 'validation':
      validations.value = [...validations.value, [event.step, event.loss]];
      break;
    case 'sample':
      samples.value = [...samples.value, event];
      break;
  }
}

/** The first few words. */
function beginningOf(whole: string): string {
  return whole.trim().split(/\s+/).slice(0, 4).join(' ').slice(0, 60);
}

async function openFile(file: File | undefined): Promise<void> {
  if (!file) return;
  try {
    const { text: content, note } = await readText(file);
    text.value = content;
    openedFile.value = file.name.replace(/\.[^.]*$/, '');
    fileNote.value = [file.name, note].filter((part) => part !== '').join(': ');
  } catch (error) {
    status.value = error instanceof Error ? error.message : String(error);
  }
}

async function openExample(): Promise<void> {
  const response = await fetch('./moby-dick.txt').catch(() => undefined);
  if (response?.ok) {
    text.value = await response.text();
    openedFile.value = 'Moby-Dick';
  } else status.value = 'The example could not be fetched: the network is gone, or it is not on this host.';
}

export default function Learn() {
  // Files that the service worker fetches should be stored before training begins.
  useEffect(() => void untilIsolated(), []);
  const busy = phase.value === 'tokenizer' || phase.value === 'training';
  return (
    <div class="page learn">
      <h1>Train one on your own text</h1>
      <p class="lead">
        Paste a text: letters, a diary, a novel. A small model reads it again and again, here in this tab,
        until it writes in its manner. The text never leaves your device.
      </p>
      {trouble.value && <Trouble />}
      <Material busy={busy} />
      <div class="line actions">
        {busy ? (
          <button type="button" class="main" onClick={() => controller?.abort()}>
            Stop
          </button>
        ) : (
          <>
            {phase.value === 'stopped' && (
              <button type="button" class="main" onClick={() => void resume()}>
                Resume
              </button>
            )}
            <button
              type="button"
              class={phase.value === 'stopped' ? undefined : 'main'}
              disabled={text.value.trim() === ''}
              onClick={() => void learn()}
            >
              {phase.value === 'idle' ? 'Train' : 'Train again'}
            </button>
          </>
        )}
        <Choices busy={busy} />
        <p class="status" role="status">
          {status.value}
        </p>
      </div>
      {begin.value && (
        <>
          <p class="quiet">
            {formatCount(begin.value.tokens)} tokens of {formatCount(begin.value.vocabulary)} kinds ·{' '}
            {formatCount(begin.value.parameters)} parameters · {formatBytes(begin.value.memory)} of memory ·{' '}
            {begin.value.engineName}. {begin.value.engineNote}
          </p>
          <Memorised losses={losses.value} validations={validations.value} />
          <Progress
            losses={losses.value}
            validations={validations.value}
            samples={samples.value}
            steps={begin.value.steps}
            tokensPerSecond={speed.value}
            secondsPerStep={speed.value ? begin.value.tokensPerStep / speed.value : 0}
            prompt={prompt.value}
          />
        </>
      )}
      {(phase.value === 'done' || phase.value === 'stopped') && (
        <TrainedWriter client={trainingWorker()} beginning={prompt.value} />
      )}
      <TrainedShelf />
    </div>
  );
}

function Material({ busy }: { readonly busy: boolean }) {
  const isLong = text.value.length > maxShown;
  return (
    <section
      class="material"
      aria-label="The text to learn"
      onDrop={(event) => {
        const [file] = event.dataTransfer?.files ?? [];
        if (busy || !file || isModelFile(file)) return;
        event.preventDefault();
        void openFile(file);
      }}
    >
      <textarea
        aria-label="The text to learn"
        rows={8}
        spellcheck={false}
        placeholder="Paste a text of a page or more"
        disabled={busy}
        dir="auto"
        readOnly={isLong}
        value={isLong ? `${text.value.slice(0, 2000)}…` : text.value}
        onInput={({ currentTarget }) => {
          text.value = currentTarget.value;
          fileNote.value = openedFile.value = '';
        }}
      />
      <div class="line">
        <button type="button" disabled={busy} onClick={() => void openExample()}>
          Take Moby-Dick
        </button>
        <label class="file">
          Open a file
          <input
            type="file"
            accept=".txt,.md,text/*"
            disabled={busy}
            onChange={({ currentTarget }) => {
              void openFile(currentTarget.files?.[0]);
              currentTarget.value = ''; // the same file may be chosen again
            }}
          />
        </label>
        <p class="quiet">
          {words.value > 0 && `${formatCount(words.value)} words`}
          {fileNote.value && ` · ${fileNote.value}`}
          {isLong && ' · only its beginning is shown '}
          {isLong && (
            <button
              type="button"
              class="small"
              disabled={busy}
              onClick={() => {
                text.value = fileNote.value = openedFile.value = '';
              }}
            >
              Clear
            </button>
          )}
        </p>
      </div>
    </section>
  );
}

function Choices({ busy }: { readonly busy: boolean }) {
  return (
    <>
      <label>
        Steps{' '}
        <select
          value={steps.value}
          disabled={busy}
          onChange={({ currentTarget }) => {
            steps.value = Number(currentTarget.value);
          }}
        >
          {[40, 100, 300, 1000, 3000].map((count) => (
            <option key={count}>{count}</option>
          ))}
        </select>
      </label>
      <label>
        Size{' '}
        <select
          value={size.value}
          disabled={busy}
          onChange={({ currentTarget }) => {
            size.value = currentTarget.value as TrainingRequest['size'];
          }}
        >
          <option value="small">small</option>
          <option value="medium">medium</option>
        </select>
      </label>
    </>
  );
}
