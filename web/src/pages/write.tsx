/** Chat, and free writing. */
import { Chat } from '../parts/chat.tsx';
import { Chips } from '../parts/chips.tsx';
import { Continue } from '../parts/continue.tsx';
import { Limits } from '../parts/limits.tsx';
import { NeedsModel } from '../parts/needsModel.tsx';
import { card, loading } from '../store.ts';
import { linkIn } from '../writeLink.ts';
import { mode as chosen } from '../writeMode.ts';

addEventListener('hashchange', () => {
  if (linkIn(location.hash)) location.reload(); // a link that was pasted into the open page
});

/** Written by the build: where the source is, empty if nobody said. */
declare const __SOURCE__: string;

export default function Write() {
  // Until the reader chooses: chat, if the model has a template.
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
        {__SOURCE__ && (
          <>
            {' '}
            ·{' '}
            <a href={__SOURCE__} rel="external">
              the source
            </a>
          </>
        )}
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
