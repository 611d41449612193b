/** Copies a text, and says so. */
import { useSignal } from '@preact/signals';

export function CopyButton({ text, what, label = 'Copy' }: { text: string; what: string; label?: string }) {
  const done = useSignal('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text); // which pages without https lack
      done.value = 'Copied';
    } catch {
      done.value = 'The browser does not allow copying';
    }
    setTimeout(() => {
      done.value = '';
    }, 2000);
  };
  return (
    <button
      type="button"
      class="small"
      aria-label={done.value || `${label} ${what}`}
      onClick={() => void copy()}
    >
      {done.value || label}
    </button>
  );
}
