/** What comes next: the reader chooses, and the sentence grows. */
import type { Explanation } from '../engine/protocol.ts';
import { move, place } from './place.ts';

export function NextToken({ found: { next } }: { readonly found: Explanation }) {
  return (
    <>
      <p>
        After the last layer the vocabulary is one more matrix of −1, 0 and +1: each token gets a sum, and the
        sums become probabilities. A program would now draw one by chance. You are the chance: choose.
      </p>
      <ol class="candidates choose" aria-label="Choose the next token">
        {next.map(({ text, probability }) => (
          <li key={text}>
            <button type="button" onClick={() => move({ text: place.value.text + text })}>
              <code>{text.replaceAll('\n', '⏎').replaceAll(' ', '␣')}</code>
              <span class="bar" style={{ '--share': probability }} aria-hidden="true" />
              <span>{(100 * probability).toFixed(0)}%</span>
            </button>
          </li>
        ))}
      </ol>
    </>
  );
}
