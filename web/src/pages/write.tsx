/** Chat, and free writing. */
import { signal } from '@preact/signals';
import { Chat } from '../parts/chat.tsx';
import { Chips } from '../parts/chips.tsx';
import { Continue } from '../parts/continue.tsx';
import { Limits } from '../parts/limits.tsx';
import { NeedsModel } from '../parts/needsModel.tsx';
import { card, loading } from '../store.ts';
import { linkIn } from '../writeLink.ts';

/** Until the reader chooses: chat, if the model has a template. */
const chosen = signal<'chat' | 'text' | undefined>(linkIn(location.hash) && 'text');
addEventListener('hashchange', () => {
  if (linkIn(location.hash)) location.reload(); // a link that was pasted into the open page
});

export default function Write() {
  const mode = chosen.value ?? (card.value?.chats ? 'chat' : 'text');
  return (
    <div class="page write">
      <h1>A language model that only adds and subtracts</h1>
      <p class="lead">
        It runs here, in your browser. Its matrices hold nothing but <b class="minus">−1</b>, <b>0</b> and{' '}
        <b class="plus">+1</b>, so it reads and writes without a single matrix multiplication.{' '}
        <a href="#inside">Why that is enough</a> ·{' '}
        <a href="https://arxiv.org/abs/2406.02528" rel="external">
          the paper
        </a>
      </p>
      <NeedsModel>
        <fieldset class="switch">
          <legend class="unseen">What to do</legend>
          {(['chat', 'text'] as const).map((value) => (
            <label key={value}>
              <input
                type="radio"
                name="mode"
                checked={mode === value}
                onChange={() => {
                  chosen.value = value;
                }}
              />
              <span>{value === 'text' ? 'Continue a text' : 'Chat'}</span>
            </label>
          ))}
        </fieldset>
        {mode === 'text' ? <Continue /> : <Chat />}
      </NeedsModel>
      {loading.value && !card.value && <Chips />}
      <Limits />
    </div>
  );
}
