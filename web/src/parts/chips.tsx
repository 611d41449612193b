/** Three ways to begin. Before the model is here, a chosen one waits for it. */
import { effect, signal } from '@preact/signals';
import { card } from '../store.ts';
import { send } from '../talk.ts';

/** One of each kind of thing that the bundled chat knows. */
const beginnings = ['Who are you?', 'Tell me a story about a fox.', 'What is 7 + 5?'];

const waiting = signal<string | undefined>(undefined);

effect(() => {
  const message = waiting.value;
  if (message === undefined || !card.value) return;
  waiting.value = undefined;
  void send(message);
});

export function Chips() {
  return (
    <>
      <p class="chips">
        {beginnings.map((text) => (
          <button
            key={text}
            type="button"
            class="chip"
            aria-pressed={waiting.value === text}
            onClick={() => {
              waiting.value = text;
            }}
          >
            {text}
          </button>
        ))}
      </p>
      {waiting.value !== undefined && <p class="quiet">It answers as soon as it is here.</p>}
    </>
  );
}
