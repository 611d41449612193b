/** The most probable next tokens. */
import type { Observation } from '../engine/protocol.ts';

export function Candidates({ next }: { readonly next: Observation['next'] }) {
  return (
    <ol class="candidates" aria-label="What it expects next">
      {next.map(({ text, probability }) => (
        <li key={text}>
          <code>{text.replaceAll('\n', '⏎').replaceAll(' ', '␣')}</code>
          <span class="bar" style={{ '--share': probability }} aria-hidden="true" />
          <span>{(100 * probability).toFixed(0)}%</span>
        </li>
      ))}
    </ol>
  );
}
