/** A conversation. The model keeps only its state, whose size is fixed; the page says so. */
import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { formatBytes } from '../../../src/format.ts';
import { card, modelWorker, source } from '../store.ts';
import { describeSpeed, Generation } from './generation.ts';
import { maxTokens, SamplingControls, temperature } from './samplingControls.tsx';

interface Turn {
  readonly who: 'you' | 'model';
  readonly text: string;
}

const turns = signal<readonly Turn[]>([]);
const draft = signal('');
const generation = new Generation();
/** Whether the next message begins a new conversation. */
let fresh = true;
source.subscribe(() => {
  fresh = true;
});

function send(): Promise<void> {
  const message = draft.value.trim();
  if (message === '') return Promise.resolve();
  return generation.run(async (signal) => {
    draft.value = '';
    const earlier: readonly Turn[] = [...turns.value, { who: 'you', text: message }];
    let answer = '';
    turns.value = [...earlier, { who: 'model', text: '' }];
    const request = { message, fresh, temperature: temperature.value, maxTokens: maxTokens.value };
    fresh = false;
    const onEvent = (piece: string) => {
      answer += piece;
      turns.value = [...earlier, { who: 'model', text: answer }];
    };
    return describeSpeed(await modelWorker().call('chat', request, { onEvent, signal }));
  });
}

function beginAnew(): void {
  turns.value = [];
  fresh = true;
  generation.status.value = '';
}

export function Chat() {
  const running = generation.running.value;
  const { stateBytes } = card.value!;
  return (
    <section class="chat">
      <Turns running={running} />
      <form
        class="composer"
        onSubmit={(event) => {
          event.preventDefault();
          if (running) generation.stop();
          else void send();
        }}
      >
        <textarea
          aria-label="Message"
          rows={2}
          placeholder="Say something"
          value={draft.value}
          onInput={({ currentTarget }) => {
            draft.value = currentTarget.value;
          }}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            void send();
          }}
        />
        <button type="submit" class="main">
          {running ? 'Stop' : 'Send'}
        </button>
      </form>
      <div class="line actions">
        <p class="status" role="status">
          {generation.status.value}
        </p>
        {turns.value.length > 0 && (
          <button type="button" disabled={running} onClick={beginAnew}>
            New conversation
          </button>
        )}
      </div>
      <p class="quiet">
        All that the model keeps of a conversation is {formatBytes(stateBytes)} of state, after three words or
        three thousand pages.
      </p>
      <SamplingControls />
    </section>
  );
}

function Turns({ running }: { readonly running: boolean }) {
  const end = useRef<HTMLDivElement>(null);
  const all = turns.value;
  useEffect(() => {
    if (all.length > 0) end.current?.scrollIntoView({ block: 'nearest' });
  }, [all]);
  return (
    <div
      class={all.length > 0 ? 'turns some' : 'turns'}
      role="log"
      aria-label="Conversation"
      aria-busy={running}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
      tabIndex={0}
    >
      {all.map(({ who, text }, index) => (
        <div key={index} class={`turn ${who}`}>
          <span class="unseen">{who === 'you' ? 'You: ' : 'The model: '}</span>
          {text.trimStart() || <span class="cursor" aria-hidden="true" />}
        </div>
      ))}
      <div ref={end} />
    </div>
  );
}
