/**
 * The service worker keeps the app for use without a network. On hosts that do not send the two headers that let threads
 * share memory, it adds them; that takes one reload, after the files of the first visit have been stored.
 */
import { signal } from '@preact/signals';

/** Whether the app can start without a network. */
export const readyOffline = signal(false);

const reloaded = 'plusminus-reloaded';

export async function installServiceWorker(): Promise<void> {
  if (!('serviceWorker' in navigator) || import.meta.env.DEV) return;
  try {
    await navigator.serviceWorker.register('./serviceWorker.js');
    await navigator.serviceWorker.ready;
    readyOffline.value = true;
  } catch {
    // Without one (a private window, a policy) the app works as long as the network does.
  }
}

/** Resolves when the page is isolated if it can be; reloads it once if that brings threads. */
export async function untilIsolated(): Promise<void> {
  if (crossOriginIsolated || !('serviceWorker' in navigator) || import.meta.env.DEV) return;
  if (sessionStorage.getItem(reloaded)) return; // once is enough: some browsers refuse
  const ready = await Promise.race([navigator.serviceWorker.ready, patience()]);
  if (!ready?.active) return;
  sessionStorage.setItem(reloaded, 'yes');
  location.reload();
  await new Promise(() => {}); // nothing must start in the page that is reloaded
}

function patience(): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, 10_000, undefined));
}
