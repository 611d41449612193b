/** Free writing: the model continues the text. */
import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { modelWorker } from '../store.ts';
import { describeSpeed, Generation } from './generation.ts';
import { maxTokens, SamplingControls, temperature } from './samplingControls.tsx';

const text = signal('Once upon a time');
/** The text before each continuation, for undoing. */
const before = signal<readonly string[]>([]);
const generation = new Generation();

function goOn(): Promise<void> {
  return generation.run(async (signal) => {
    const prompt = text.value;
    before.value = [...before.value, prompt];
    const request = { prompt, temperature: temperature.value, maxTokens: maxTokens.value };
    const onEvent = (piece: string) => {
      text.value += piece;
    };
    return describeSpeed(await modelWorker().call('write', request, { onEvent, signal }));
  });
}

function goBack(): void {
  text.value = before.value.at(-1) ?? text.value;
  before.value = before.value.slice(0, -1);
  generation.status.value = '';
}

export function Continue() {
  const running = generation.running.value;
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
        <p class="status" role="status">
          {generation.status.value}
        </p>
      </div>
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
      aria-label="Your text, which the model continues"
      spellcheck={false}
      readOnly={running}
      value={content}
      onInput={({ currentTarget }) => {
        text.value = currentTarget.value;
      }}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void goOn();
      }}
    />
  );
}
