/** The gate: how much of the old state stays. The reader can move it. */
import { signal } from '@preact/signals';
import type { Explanation } from '../engine/protocol.ts';
import { short } from './numbers.ts';

/** What the reader chose, and for which explanation. */
const moved = signal<{ readonly found: Explanation; readonly keep: number } | undefined>(undefined);

export function Gate({ found }: { readonly found: Explanation }) {
  const { keep: own, before, candidate, forgetInput, bound, after } = found;
  const keep = moved.value?.found === found ? moved.value.keep : own;
  const result = keep * before + (1 - keep) * candidate;
  return (
    <>
      <p>
        {short(forgetInput)} goes through a curve that ends between 0 and 1
        {bound > 0 && ` (in this layer never below ${short(bound)})`}: the <b>gate</b>. It says how much of
        the old state is kept. The rest makes room for a new value, which another row computed in the same
        way.
      </p>
      <label class="reach">
        Keep{' '}
        <input
          type="range"
          min={0}
          max={1}
          step={0.001}
          value={keep}
          onInput={({ currentTarget }) => {
            moved.value = { found, keep: Number(currentTarget.value) };
          }}
        />{' '}
        {(100 * keep).toFixed(1)}%
      </label>
      <p class="formula" data-testid="state">
        keep × old + (1 − keep) × new = {short(keep)} × {short(before)} + {short(1 - keep)} ×{' '}
        {short(candidate)} = <output>{short(result)}</output>
      </p>
      <p class="quiet">
        {keep === own ? (
          `This is the model’s own gate: the engine has ${short(after)}.`
        ) : (
          <>
            The model’s own gate keeps {(100 * own).toFixed(1)}%.{' '}
            <button
              type="button"
              class="small"
              onClick={() => {
                moved.value = undefined;
              }}
            >
              Its own
            </button>
          </>
        )}
      </p>
    </>
  );
}
