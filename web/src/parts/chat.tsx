/** A conversation. All that the model keeps of it is its state, which never grows; the page says so. */
import { formatBytes } from '../../../src/format.ts';
import { card } from '../store.ts';
import { draft, generation, newTalk, notice, send, talk } from '../talk.ts';
import { Chips } from './chips.tsx';
import { SamplingControls } from './samplingControls.tsx';
import { TalkShelf } from './talkShelf.tsx';
import { Turns } from './turns.tsx';

export function Chat() {
  const { stateBytes, attends } = card.value!;
  const { turns } = talk.value;
  return (
    <section class={turns.length > 0 ? 'chat talking' : 'chat'}>
      <Turns />
      {turns.length === 0 && <Chips />}
      <Composer />
      <div class="line actions">
        <p class="status" role="status">
          {generation.status.value || notice.value}
        </p>
        {turns.length > 0 && (
          <button type="button" disabled={generation.running.value} onClick={newTalk}>
            New talk
          </button>
        )}
      </div>
      <p class="quiet">
        {attends
          ? `The model keeps keys and values for each token of a conversation, at most ${formatBytes(stateBytes)}.`
          : `All that the model keeps of a conversation is ${formatBytes(stateBytes)} of state, after three words or three thousand pages.`}
      </p>
      <TalkShelf />
      <SamplingControls />
    </section>
  );
}

/** On a touch screen there is no Shift key beside Enter, so that Enter breaks the line there. */
function entersLines(): boolean {
  return matchMedia('(pointer: coarse)').matches;
}

function submit(): void {
  if (generation.running.value) return;
  const message = draft.value;
  draft.value = '';
  void send(message);
}

function Composer() {
  const running = generation.running.value;
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        if (running) generation.stop();
        else submit();
      }}
    >
      <textarea
        aria-label="Message"
        rows={2}
        dir="auto"
        placeholder="Say something"
        value={draft.value}
        onInput={({ currentTarget }) => {
          draft.value = currentTarget.value;
        }}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey || event.isComposing || entersLines()) return;
          event.preventDefault();
          submit();
        }}
      />
      <button type="submit" class="main">
        {running ? 'Stop' : 'Send'}
      </button>
    </form>
  );
}
