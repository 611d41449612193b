/** The steps of the tour in which the reader only looks: token, numbers, integers, scale and unit. */
import type { Explanation } from '../engine/protocol.ts';
import { Field } from '../parts/field.tsx';
import { short, signed } from './numbers.ts';
import { sumOf } from './row.tsx';

interface Props {
  readonly found: Explanation;
}

/** So many of the numbers are written out. */
const written = 8;

export function Token({ found: { tokens } }: Props) {
  const last = tokens.at(-1)!;
  return (
    <>
      <p>
        The sentence is cut into {tokens.length} tokens: words, or pieces of words. Each is a number in a
        vocabulary. They come in one after the other; this tour follows the last one,{' '}
        <b>“{visible(last.text)}”</b>, number {last.id}.
      </p>
      <p class="tokens">
        {tokens.map(({ id, text }, at) => (
          <span key={`${at} ${id}`} class={at === tokens.length - 1 ? 'token last' : 'token'} title={`${id}`}>
            {visible(text)}
          </span>
        ))}
      </p>
    </>
  );
}

const visible = (text: string) => text.replaceAll('\n', '⏎').replace(/^ | $/g, '␣');

export function Numbers({ found: { embedding, tokens, width } }: Props) {
  return (
    <>
      <p>
        A table gives each token {width} numbers, its <b>embedding</b>. These are those of “
        {visible(tokens.at(-1)!.text)}”. Tokens that are used alike have similar numbers.
      </p>
      <Strip values={embedding} label={`The embedding: ${width} numbers`} />
      <Written values={[...embedding.subarray(0, written)].map(short)} />
    </>
  );
}

export function Integers({ found: { input, integers, step, layer, width } }: Props) {
  return (
    <>
      <p>
        Layer {layer + 1} reads {width} numbers. They are brought to a common size, and each becomes an{' '}
        <b>8-bit integer (int8)</b> between −128 and 127. One is worth {short(step)}; what lies between two
        integers is lost.
      </p>
      <Strip values={input} label={`What layer ${layer + 1} reads: ${width} numbers`} />
      <Written values={[...input.subarray(0, written)].map(short)} />
      <p aria-hidden="true">become</p>
      <Strip values={integers} label={`The same as ${width} integers`} />
      <Written values={[...integers.subarray(0, written)].map(signed)} />
    </>
  );
}

export function Scale({ found }: Props) {
  const { integers, codes, width, scale, step, forgetInput } = found;
  const sum = sumOf(integers, codes, width);
  return (
    <>
      <p>
        The sum is a whole number. Now it is scaled, once for the whole row: by what an integer is worth, and
        by the one number that all weights of the matrix share.
      </p>
      <p class="formula" data-testid="scaled">
        {signed(sum)} × {short(step)} × {short(scale)} = {short(sum * step * scale)}
      </p>
      <p class="quiet">
        The engine that runs here got {short(forgetInput)}. {width} additions at most, two multiplications: a
        row of floats takes {width}.
      </p>
    </>
  );
}

export function Unit({ found: { after, unit, layer, row, layers, width } }: Props) {
  return (
    <>
      <p>
        The new state, {short(after)}, is all that row {row + 1} of layer {layer + 1} remembers of everything
        it has read: this is the <b>recurrence</b> (MLGRU). A second gate lets {short(unit)} of it out. Rows
        of −1, 0 and +1 mix all {width} of these outputs, and the result is added to what the layer read.
      </p>
      <p>
        The same happens in each of {layers} layers: {layers} × {width} numbers are the whole memory, after
        ten words or ten thousand.
      </p>
    </>
  );
}

/** Numbers as a strip of colours, the largest of them in full colour. */
function Strip({ values, label }: { readonly values: ArrayLike<number>; readonly label: string }) {
  const all = Array.from(values);
  const largest = all.reduce((max, value) => Math.max(max, Math.abs(value)), 1e-9);
  return (
    <Field
      {...{
        values: all.map((value) => value / largest),
        rows: 1,
        columns: all.length,
        scale: 'signed',
        label,
      }}
      rowHeight={18}
    />
  );
}

function Written({ values }: { readonly values: readonly string[] }) {
  return <p class="numbers">{values.join('  ')} …</p>;
}
