/** Sampling temperature and length. */
import { signal } from '@preact/signals';
import { chatOptions } from '../../../src/generate/chatOptions.ts';

export const temperature = signal<number>(chatOptions.temperature);
export const maxTokens = signal<number>(chatOptions.maxTokens);

/** The most that the controls allow. */
export const limits = { temperature: 1.5, maxTokens: 4000 } as const;

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
            max={limits.temperature}
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
            max={limits.maxTokens}
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
