/** Play, pause, step and back; below what is shown: layer and row, and a link to this place. */
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Explanation } from '../engine/protocol.ts';
import { CopyButton } from '../parts/copyButton.tsx';
import { hashOf, move, place, rowStep, stepNames } from './place.ts';
import { reached } from './row.tsx';

const playing = signal(false);
/** Milliseconds at a step, and for a handful of weights. */
const pace = { step: 5000, weights: 90 };
const handful = 8;

/** One step further: within a row the next weight. @returns whether there was one */
function further(found: Explanation, weights: number): boolean {
  const { step } = place.value;
  if (step === rowStep && reached.value < found.width) {
    reached.value = Math.min(found.width, reached.value + weights);
    return true;
  }
  if (step === stepNames.length - 1) return false;
  move({ step: step + 1 });
  return true;
}

function back(): void {
  const { step } = place.value;
  if (step === rowStep && reached.value > 0) reached.value -= 1;
  else if (step > 0) move({ step: step - 1 });
}

export function Player({ found }: { readonly found: Explanation }) {
  const { step } = place.value;
  const on = playing.value;
  const inRow = step === rowStep && reached.value < found.width;
  useEffect(() => {
    if (!on) return;
    const timer = setTimeout(
      () => {
        if (!further(found, handful)) playing.value = false;
      },
      inRow ? pace.weights : pace.step,
    );
    return () => clearTimeout(timer);
  }, [on, step, reached.value, found]);
  const last = step === stepNames.length - 1;
  return (
    <div class="line player">
      <button type="button" disabled={step === 0} onClick={back}>
        Back
      </button>
      <button
        type="button"
        class="main"
        disabled={last}
        onClick={() => {
          playing.value = !on;
        }}
      >
        {on && !last ? 'Pause' : 'Play'}
      </button>
      <button type="button" disabled={last} onClick={() => further(found, 1)}>
        Step
      </button>
    </div>
  );
}

/** Which row of which layer the tour follows. */
export function Where({ found }: { readonly found: Explanation }) {
  return (
    <div class="line player">
      <Count name="Layer" value={found.layer} count={found.layers} onChange={(layer) => move({ layer })} />
      <Count name="Row" value={found.row} count={found.width} onChange={(row) => move({ row })} />
      <label>
        <input
          type="checkbox"
          checked={place.value.large}
          onChange={({ currentTarget }) => move({ large: currentTarget.checked })}
        />{' '}
        Large, for a projector
      </label>
      <CopyButton
        text={new URL(hashOf(place.value), location.href).href}
        what="a link to this step"
        label="Copy link"
      />
    </div>
  );
}

interface CountProps {
  readonly name: string;
  readonly value: number;
  readonly count: number;
  readonly onChange: (value: number) => void;
}

/** A number that counts from 1. */
function Count({ name, value, count, onChange }: CountProps) {
  return (
    <label>
      {name}{' '}
      <input
        type="number"
        min={1}
        max={count}
        value={value + 1}
        onChange={({ currentTarget }) => {
          const chosen = Math.round(Number(currentTarget.value));
          if (chosen >= 1 && chosen <= count) onChange(chosen - 1);
        }}
      />{' '}
      of {count}
    </label>
  );
}
