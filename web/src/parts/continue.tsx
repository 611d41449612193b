/** Free writing: the model continues the text. */
import { effect, signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { card, modelWorker } from '../store.ts';
import { generation, id, keepText, newText, text, textsRestored } from '../texts.ts';
import { checkOf, hashOfLink, linkIn, type WriteLink } from '../writeLink.ts';
import { CopyButton } from './copyButton.tsx';
import { describeSpeed } from './generation.ts';
import { maxTokens, SamplingControls, temperature } from './samplingControls.tsx';
import { TextShelf } from './textShelf.tsx';

/** The text before each continuation, for undoing. */
const before = signal<readonly string[]>([]);
/** To the last continuation, until the text changes. */
const link = signal<WriteLink | undefined>(undefined);
/** Whether this device wrote what the opened link promised. */
const verdict = signal('');

// What belongs to an earlier text is over.
effect(() => {
  id.value;
  before.value = [];
  startAfresh();
});

function goOn(seed = crypto.getRandomValues(new Uint32Array(1))[0]!): Promise<void> {
  verdict.value = '';
  link.value = undefined;
  return generation
    .run(async (signal) => {
      const prompt = text.value;
      before.value = [...before.value, prompt];
      const request = { prompt, temperature: temperature.value, maxTokens: maxTokens.value, seed };
      const onEvent = (piece: string) => {
        text.value += piece;
      };
      const written = await modelWorker().call('write', request, { onEvent, signal });
      link.value = {
        ...{ text: prompt, seed, freedom: request.temperature, tokens: request.maxTokens },
        ...{ model: card.value!.fingerprint, check: checkOf(text.value) },
      };
      return describeSpeed(written);
    })
    .then(keepText);
}

/** Writes what a link asks for, and compares. */
async function openLink(): Promise<void> {
  const opened = linkIn(location.hash);
  if (!opened || generation.running.value) return;
  await textsRestored;
  newText();
  history.replaceState(history.state, '', '#write');
  text.value = opened.text;
  temperature.value = opened.freedom;
  maxTokens.value = opened.tokens;
  await goOn(opened.seed);
  if (link.value) verdict.value = compared(opened, link.value);
}

function compared(opened: WriteLink, own: WriteLink): string {
  if (own.check === opened.check) return 'This is the same text as where the link was made.';
  if (own.model !== opened.model)
    return 'This is another text than where the link was made: it was another model.';
  return 'This is another text than where the link was made: that device rounds differently, and a close choice between two tokens went the other way.';
}

function goBack(): void {
  text.value = before.value.at(-1) ?? text.value;
  before.value = before.value.slice(0, -1);
  startAfresh();
  void keepText();
}

/** What was said about the earlier text is over. */
function startAfresh(): void {
  generation.status.value = verdict.value = '';
  link.value = undefined;
}

export function Continue() {
  const running = generation.running.value;
  const model = card.value;
  useEffect(() => void openLink(), [model]);
  return (
    <section class="continue">
      <Manuscript running={running} />
      <div class="line actions">
        {running ? (
          <button type="button" class="main" onClick={() => generation.stop()}>
            Stop
          </button>
        ) : (
          <button type="button" class="main" onClick={() => void goOn()}>
            Go on
          </button>
        )}
        <button type="button" disabled={running || before.value.length === 0} onClick={goBack}>
          Undo
        </button>
        {link.value && !running && (
          <CopyButton
            text={new URL(hashOfLink(link.value), location.href).href}
            what="a link that writes this text"
            label="Copy link"
          />
        )}
        <p class="status" role="status">
          {generation.status.value} {verdict.value}
        </p>
      </div>
      {!running && <TextShelf />}
      <SamplingControls />
    </section>
  );
}

function Manuscript({ running }: { readonly running: boolean }) {
  const area = useRef<HTMLTextAreaElement>(null);
  const content = text.value;
  // Keeps the end of the growing text in view.
  useEffect(() => {
    if (running && area.current) area.current.scrollTop = area.current.scrollHeight;
  }, [content, running]);
  return (
    <textarea
      ref={area}
      class="manuscript"
      dir="auto"
      aria-label="Your text, which the model continues"
      spellcheck={false}
      readOnly={running}
      value={content}
      onInput={({ currentTarget }) => {
        text.value = currentTarget.value;
        link.value = undefined;
      }}
      onChange={() => void keepText()}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void goOn();
      }}
    />
  );
}
