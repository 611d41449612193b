/** What the model's card says first of its limits. */
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { card } from '../store.ts';

const limits = signal<Readonly<Record<string, string>>>({});

export function Limits() {
  useEffect(() => {
    void fetch('./limits.json')
      .then((response) => (response.ok ? response.json() : {}))
      .then((found) => {
        limits.value = found;
      })
      .catch(() => {});
  }, []);
  const text = limits.value[card.value?.name ?? ''];
  return text === undefined ? null : <p class="quiet limits">{text}</p>;
}
