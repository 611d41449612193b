/** The guided tour: a sentence of the reader's, and what one row of one layer does with its last token. */
import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';
import type { Explanation } from '../engine/protocol.ts';
import { card, modelWorker } from '../store.ts';
import { Gate } from './gate.tsx';
import { NextToken } from './nextToken.tsx';
import { move, place, rowStep, stepNames } from './place.ts';
import { Player, Where } from './player.tsx';
import { OneRow, reached } from './row.tsx';
import { Integers, Numbers, Scale, Token, Unit } from './steps.tsx';

const explanation = signal<Explanation | undefined>(undefined);
const trouble = signal('');
const draft = signal<string | undefined>(undefined);

const views: readonly ComponentType<{ readonly found: Explanation }>[] = [
  Token,
  Numbers,
  Integers,
  OneRow,
  Scale,
  Gate,
  Unit,
  NextToken,
];

export function Tour() {
  const { text, layer, row, step } = place.value;
  const model = card.value;
  useEffect(() => {
    let wanted = true;
    modelWorker()
      .call('explain', { text, layer, row })
      .then(
        (found) => {
          if (!wanted) return;
          [explanation.value, trouble.value, reached.value] = [found, '', 0];
        },
        (error: Error) => {
          if (wanted) [explanation.value, trouble.value] = [undefined, error.message];
        },
      );
    return () => {
      wanted = false;
    };
  }, [model, text, layer, row]);
  const found = explanation.value;
  const View = views[step]!;
  return (
    <section class="tour" aria-labelledby="tour">
      <h2 id="tour">A token’s way through the model</h2>
      <Sentence />
      {trouble.value && (
        <p class="trouble" role="alert">
          {trouble.value}.
        </p>
      )}
      <Chapters />
      {found && (
        <>
          <Player found={found} />
          <div class="stop" data-testid="stop">
            <View found={found} />
          </div>
          <Where found={found} />
        </>
      )}
    </section>
  );
}

function Sentence() {
  return (
    <form
      class="line"
      onSubmit={(event) => {
        event.preventDefault();
        move({ text: draft.value || place.value.text });
        draft.value = undefined;
      }}
    >
      <input
        aria-label="Your sentence"
        value={draft.value ?? place.value.text}
        onInput={({ currentTarget }) => {
          draft.value = currentTarget.value;
        }}
      />
      <button type="submit">Explain</button>
    </form>
  );
}

function Chapters() {
  const current = place.value.step;
  return (
    <ol class="chapters">
      {stepNames.map((name, step) => (
        <li key={name}>
          <button
            type="button"
            aria-current={step === current ? 'step' : undefined}
            onClick={() => {
              if (step === rowStep) reached.value = 0;
              move({ step });
            }}
          >
            {name}
          </button>
        </li>
      ))}
    </ol>
  );
}
