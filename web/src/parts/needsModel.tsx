/** Shows its children once a model is there; until then, how far it is, or how to get one. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { bundled, card, loading, open, openFirst, trouble } from '../store.ts';

export function NeedsModel({ children }: { readonly children: ComponentChildren }) {
  useEffect(() => void openFirst(), []);
  return (
    <>
      {trouble.value && <Trouble />}
      {loading.value && <Loading />}
      {card.value ? children : bundled.value?.length === 0 && !loading.value && <Ask />}
    </>
  );
}

export function Trouble() {
  const { message, retry } = trouble.value!;
  return (
    <p class="trouble" role="alert">
      {message}.{' '}
      <button type="button" onClick={() => void retry()}>
        Try again
      </button>
    </p>
  );
}

const phases = { start: 'Starting', download: 'Fetching the model', load: 'Reading its weights' };

export function Loading() {
  const { phase, loaded, total, memory, secondsLeft } = loading.value!;
  const share = total > 0 ? loaded / total : 0;
  const amount =
    phase === 'download' && total > 0
      ? `: ${megabytes(loaded)} of ${megabytes(total)} MB`
      : memory !== undefined
        ? ` into ${megabytes(memory)} MB of memory`
        : '…';
  return (
    <div class="loading">
      <label for="loading">
        {phases[phase]}
        {amount}
        {secondsLeft !== undefined && secondsLeft > 1 && `, about ${duration(secondsLeft)} left`}
      </label>
      <progress id="loading" max={1} value={share}>
        {Math.round(100 * share)}%
      </progress>
      {!card.value && (
        <p class="quiet">
          It comes once and stays in this browser. Meanwhile you can{' '}
          <a href="#learn">train a model of your own</a>, which needs none.
        </p>
      )}
    </div>
  );
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 9.95e6 ? 1 : 0);
}

function duration(seconds: number): string {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
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
        Hub. Or <a href="#models">choose one</a>, from a list or from your disk.
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
