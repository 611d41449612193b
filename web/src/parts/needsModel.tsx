/** Shows its children once a model is loaded; until then, the progress or a choice of models. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { bundled, card, loading, open, openFirst, trouble } from '../store.ts';

export function NeedsModel({ children }: { readonly children: ComponentChildren }) {
  useEffect(() => void openFirst(), []);
  return (
    <>
      {trouble.value && (
        <p class="trouble" role="alert">
          {trouble.value}
        </p>
      )}
      {loading.value && <Loading />}
      {card.value ? children : bundled.value && !loading.value && <Ask />}
    </>
  );
}

function Loading() {
  const { phase, share } = loading.value!;
  return (
    <div class="loading">
      <label for="loading">{phase}…</label>
      <progress id="loading" max={1} value={share}>
        {Math.round(100 * share)}%
      </progress>
    </div>
  );
}

function Ask() {
  const address = useSignal('');
  return (
    <form
      class="ask"
      onSubmit={(event) => {
        event.preventDefault();
        if (address.value.trim()) void open(address.value.trim());
      }}
    >
      <p>
        No model came with this page. Name one: the address of a model folder, or a name on the Hugging Face
        Hub.
      </p>
      <div class="line">
        <input
          aria-label="Address or name of a model"
          placeholder="ridger/MMfreeLM-370M"
          value={address.value}
          onInput={({ currentTarget }) => {
            address.value = currentTarget.value;
          }}
        />
        <button type="submit">Open</button>
      </div>
    </form>
  );
}
