/** Draws the corner of a ternary matrix. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Ternary } from '../engine/protocol.ts';
import { card, modelWorker } from '../store.ts';
import { Field } from './field.tsx';

const maxShown = 128;

export function Weights({ names }: { readonly names: readonly string[] }) {
  const chosen = useSignal(names[0]!);
  const matrix = useSignal<Ternary | undefined>(undefined);
  const name = names.includes(chosen.value) ? chosen.value : names[0]!;
  useEffect(() => {
    void modelWorker()
      .call('ternary', { name, max: maxShown })
      .then((found) => {
        matrix.value = found;
      });
  }, [name, card.value]);
  const shown = matrix.value;
  return (
    <div class="weights">
      <label class="matrix">
        Matrix{' '}
        <select
          value={name}
          onChange={({ currentTarget }) => {
            chosen.value = currentTarget.value;
          }}
        >
          {names.map((each) => (
            <option key={each} value={each}>
              {each.replace(/^model\./, '').replace(/\.weight$/, '')}
            </option>
          ))}
        </select>
      </label>
      {shown && (
        <figure>
          <Field
            {...{ values: shown.codes, rows: shown.shownRows, columns: shown.shownColumns, scale: 'signed' }}
            label={`The first ${shown.shownRows} rows and ${shown.shownColumns} columns of the matrix`}
          />
          <figcaption>
            {shown.rows} × {shown.columns} weights:{' '}
            <span class="key-minus">{percent(shown.share.minus)} are −1</span>, {percent(shown.share.zero)}{' '}
            are 0, <span class="key-plus">{percent(shown.share.plus)} are +1</span>. Two bits each, and one
            number for them all, {shown.scale.toPrecision(3)}, that scales what comes out.
          </figcaption>
        </figure>
      )}
    </div>
  );
}

function percent(share: number): string {
  return `${Math.round(100 * share)}%`;
}
