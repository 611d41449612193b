/** Sampling temperature and length. */
import { signal } from '@preact/signals';
import { chatOptions } from '../../../src/generate/chatOptions.ts';

export const temperature = signal<number>(chatOptions.temperature);
export const maxTokens = signal<number>(chatOptions.maxTokens);

export function SamplingControls() {
  return (
    <details class="sampling">
      <summary>How it writes</summary>
      <div class="line">
        <label>
          Freedom <b>{temperature.value.toFixed(1)}</b>
          <input
            type="range"
            min="0"
            max="1.5"
            step="0.1"
            value={temperature.value}
            onInput={({ currentTarget }) => {
              temperature.value = Number(currentTarget.value);
            }}
          />
          <small>0 always takes the likeliest word</small>
        </label>
        <label>
          At most <b>{maxTokens.value}</b> tokens
          <input
            type="range"
            min="20"
            max="4000"
            step="20"
            value={maxTokens.value}
            onInput={({ currentTarget }) => {
              maxTokens.value = Number(currentTarget.value);
            }}
          />
        </label>
      </div>
    </details>
  );
}
