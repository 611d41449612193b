/** What happens inside while tokens arrive. */
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Anatomy, Observation } from '../engine/protocol.ts';
import { Candidates } from '../parts/candidates.tsx';
import { Costs } from '../parts/costs.tsx';
import { Field } from '../parts/field.tsx';
import { Generation } from '../parts/generation.ts';
import { MemoryChart } from '../parts/memoryChart.tsx';
import { NeedsModel } from '../parts/needsModel.tsx';
import { Weights } from '../parts/weights.tsx';
import { card, modelWorker } from '../store.ts';
import { place } from '../tour/place.ts';
import { Tour } from '../tour/tour.tsx';

const prompt = signal('Once upon a time there was a');
const pace = signal(250);
const anatomy = signal<Anatomy | undefined>(undefined);
const tokens = signal<readonly string[]>([]);
const now = signal<Observation | undefined>(undefined);
const generation = new Generation();
const maxTokens = 400;

function watch(): Promise<void> {
  return generation.run(async (signal) => {
    tokens.value = [];
    const request = { prompt: prompt.value, tokens: maxTokens, pace: pace.value };
    const onEvent = (observation: Observation) => {
      now.value = observation;
      tokens.value = [...tokens.value, observation.text];
    };
    await modelWorker().call('observe', request, { onEvent, signal });
    return `${tokens.value.length} tokens.`;
  });
}

export default function Inside() {
  if (place.value.embed) {
    return (
      <NeedsModel>
        <Tour />
      </NeedsModel>
    );
  }
  return (
    <div class="page inside">
      <h1>Watch it compute</h1>
      <p class="lead">
        A token comes in; every layer keeps part of what it remembers and adds a little. That state is all
        there is: no list of earlier words grows behind it.
      </p>
      <NeedsModel>
        <Tour />
        {!card.value?.attends && <Stage /> /* what is watched is a state */}
      </NeedsModel>
    </div>
  );
}

function Stage() {
  const model = card.value;
  useEffect(() => {
    now.value = undefined;
    tokens.value = [];
    void modelWorker()
      .call('anatomy', undefined)
      .then((found) => {
        anatomy.value = found;
      });
    return () => generation.stop(); // the worker is for what the reader does on another page
  }, [model]);
  const body = anatomy.value;
  return (
    <>
      <h2>All layers at once</h2>
      <Controls />
      {body && (
        <>
          <Reading />
          {body.gated && (
            <section aria-labelledby="memory">
              <h2 id="memory">What it remembers</h2>
              <State body={body} />
            </section>
          )}
          <section aria-labelledby="growth">
            <h2 id="growth">What that costs in memory</h2>
            <MemoryChart body={body} tokens={tokens.value.length} />
          </section>
          <section aria-labelledby="operations">
            <h2 id="operations">What it computes</h2>
            <Costs body={body} tokens={tokens.value.length} />
          </section>
          {body.matrices.length > 0 && (
            <section aria-labelledby="weights">
              <h2 id="weights">What it has learned</h2>
              <Weights names={body.matrices} />
            </section>
          )}
        </>
      )}
    </>
  );
}

function Controls() {
  const running = generation.running.value;
  return (
    <form
      class="line"
      onSubmit={(event) => {
        event.preventDefault();
        if (running) generation.stop();
        else void watch();
      }}
    >
      <input
        aria-label="Beginning"
        value={prompt.value}
        onInput={({ currentTarget }) => {
          prompt.value = currentTarget.value;
        }}
      />
      <button type="submit" class="main">
        {running ? 'Stop' : 'Watch'}
      </button>
      <label>
        Pace{' '}
        <select
          value={pace.value}
          disabled={running}
          onChange={({ currentTarget }) => {
            pace.value = Number(currentTarget.value);
          }}
        >
          <option value={800}>slow</option>
          <option value={250}>walking</option>
          <option value={16}>as fast as a screen</option>
        </select>
      </label>
    </form>
  );
}

function Reading() {
  const [count, last] = [tokens.value.length, now.value];
  return (
    <div class="reading">
      <p class="tokens" data-testid="tokens">
        {tokens.value.map((token, index) => (
          <span key={index} class={index === count - 1 ? 'token last' : 'token'}>
            {token}
          </span>
        ))}
        {count === 0 && <span class="quiet">Press “Watch”.</span>}
      </p>
      <Candidates next={last?.next ?? []} />
      <p class="unseen" role="status">
        {generation.status.value}
      </p>
    </div>
  );
}

function State({ body: { layers, width } }: { readonly body: Anatomy }) {
  const seen = now.value;
  const empty = new Float32Array(layers * width);
  const state = seen ? normalised(seen.state, width) : empty;
  const kept = seen ? seen.gates.reduce((sum, gate) => sum + gate, 0) / seen.gates.length : 0;
  const rowHeight = Math.max(6, Math.min(32, 200 / layers));
  return (
    <div class="pair">
      <figure>
        <Field
          {...{ values: state, rows: layers, columns: width, scale: 'signed', rowHeight }}
          label={`The hidden state: ${layers} layers of ${width} numbers`}
        />
        <figcaption>
          Hidden state: a row for each of {layers} layers, {width} numbers wide.{' '}
          <span class="key-minus">negative</span> <span class="key-plus">positive</span>
        </figcaption>
      </figure>
      <figure>
        <Field
          {...{ values: seen?.gates ?? empty, rows: layers, columns: width, scale: 'share', rowHeight }}
          label={`The forget gates: ${Math.round(100 * kept)} percent of the state is kept on average`}
        />
        <figcaption>
          Forget gates: the stronger, the more of the old state stays
          {seen ? `; ${Math.round(100 * kept)}% on average at this token` : ''}.
        </figcaption>
      </figure>
    </div>
  );
}

/** Each layer to its own range, outliers aside, as later layers hold larger numbers. */
function normalised(state: Float32Array, width: number): Float32Array {
  const result = new Float32Array(state.length);
  for (let start = 0; start < state.length; start += width) {
    const row = state.subarray(start, start + width);
    const spread = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0) / width) || 1;
    for (let c = 0; c < width; c++) result[start + c] = row[c]! / (2.5 * spread);
  }
  return result;
}
