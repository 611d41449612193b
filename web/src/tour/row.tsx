/** One row of the matrix, weight by weight: +1 adds the integer, −1 subtracts it, 0 skips it. */
import { signal } from '@preact/signals';
import { formatBytes } from '../../../src/format.ts';
import { energyTables } from '../../../src/study/operations/energy.ts';
import type { Explanation } from '../engine/protocol.ts';
import { Field } from '../parts/field.tsx';
import { signed } from './numbers.ts';

/** How many weights of the row have been used. */
export const reached = signal(0);
const multiplying = signal(false);
/** Weights around the one that is next: as many as fit without scrolling. */
const shown = innerWidth < 560 ? 4 : 8;
const energy = energyTables.at(-1)!;

export function OneRow({ found }: { readonly found: Explanation }) {
  const { integers, codes, width } = found;
  const count = Math.min(reached.value, width);
  const used = (code: number) => codes.subarray(0, count).reduce((n, each) => n + Number(each === code), 0);
  const [added, subtracted] = [used(1), used(-1)];
  return (
    <>
      <p>
        A <b>BitLinear</b> row is <b>ternary</b>: it holds only −1, 0 and +1. A <b class="plus">+1</b> adds
        the integer above it, a <b class="minus">−1</b> subtracts it, a 0 skips it. Nothing is multiplied.
      </p>
      <Field
        {...{ values: codes, rows: 1, columns: width, scale: 'signed', rowHeight: 18 }}
        label={`The row: ${width} weights of −1, 0 and +1`}
      />
      <label class="reach">
        Weights used{' '}
        <input
          type="range"
          min={0}
          max={width}
          value={count}
          onInput={({ currentTarget }) => {
            reached.value = Number(currentTarget.value);
          }}
        />{' '}
        {count} of {width}
      </label>
      <Window found={found} count={count} />
      <p class="sum" role="status">
        {added} added, {subtracted} subtracted, {count - added - subtracted} skipped: the sum is{' '}
        <output data-testid="sum">{signed(sumOf(integers, codes, count))}</output>
      </p>
      <label>
        <input
          type="checkbox"
          checked={multiplying.value}
          onChange={({ currentTarget }) => {
            multiplying.value = currentTarget.checked;
          }}
        />{' '}
        The same with multiplications beside it
      </label>
      {multiplying.value && (
        <p data-testid="multiplied">
          With multiplications: {count} products and {Math.max(0, count - 1)} additions, and the sum is{' '}
          {signed(integers.subarray(0, count).reduce((sum, q, c) => sum + q * codes[c]!, 0))}.
        </p>
      )}
      <Effort additions={added + subtracted} count={count} width={width} />
    </>
  );
}

export function sumOf(integers: Int8Array, codes: Int8Array, count: number): number {
  let sum = 0;
  for (let c = 0; c < count; c++) {
    if (codes[c] === 1) sum += integers[c]!;
    else if (codes[c] === -1) sum -= integers[c]!;
  }
  return sum;
}

function Window({ found: { integers, codes, width }, count }: { found: Explanation; count: number }) {
  const start = Math.max(0, Math.min(width - shown, count - shown / 2));
  const columns = Array.from({ length: Math.min(shown, width) }, (_, k) => start + k);
  return (
    <div class="scroll">
      <table class="weights-used">
        <tbody>
          <tr>
            <th scope="row">Integer</th>
            {columns.map((c) => (
              <td key={c}>{signed(integers[c]!)}</td>
            ))}
          </tr>
          <tr>
            <th scope="row">Weight</th>
            {columns.map((c) => (
              <td key={c} class={signClass(codes[c]!)}>
                {['−1', '0', '+1'][codes[c]! + 1]}
              </td>
            ))}
          </tr>
          <tr>
            <th scope="row">So it</th>
            {columns.map((c) => (
              <td key={c} class={c < count ? 'done' : c === count ? 'next' : ''}>
                {['subtracts', 'skips', 'adds'][codes[c]! + 1]}
              </td>
            ))}
          </tr>
          <tr>
            <th scope="row">Sum</th>
            {columns.map((c) => (
              <td key={c}>{c < count ? signed(sumOf(integers, codes, c + 1)) : ''}</td>
            ))}
          </tr>
        </tbody>
      </table>
    </div>
  );
}

const signClass = (code: number) => (code < 0 ? 'minus' : code > 0 ? 'plus' : '');

/** Energy and memory of the row so far, beside those of a row of floats. */
function Effort({ additions, count, width }: { additions: number; count: number; width: number }) {
  const ours = additions * energy.int32Add;
  const floats = count * (energy.fp32Multiply + energy.fp32Add);
  return (
    <dl class="figures">
      <div>
        <dt>Energy of these additions</dt>
        <dd data-testid="energy">{ours.toFixed(1)} pJ</dd>
      </div>
      <div>
        <dt>Of multiplying floats instead</dt>
        <dd>{floats.toFixed(1)} pJ</dd>
      </div>
      <div>
        <dt>The row in memory</dt>
        <dd>
          {formatBytes(width / 4)} <span class="quiet">for {formatBytes(width * 4)} of floats</span>
        </dd>
      </div>
    </dl>
  );
}
