/**
 * The service worker keeps the app for use without a network. On hosts that do not send the two headers that let threads
 * share memory, it adds them; that takes one reload, after the files of the first visit have been stored.
 */
import { signal } from '@preact/signals';
import { findInCatalogue } from '../../src/checkpoint/catalogue.ts';
import { keptModels } from '../../src/platform/keptModels.ts';

/** Whether the app can start without a network. */
export const readyOffline = signal(false);

let giveUp: () => void;
/** How long the page waits for its service worker. */
const patience = new Promise<void>((resolve) => {
  giveUp = resolve;
  setTimeout(resolve, 10_000);
});

const reloaded = 'plusminus-reloaded';

export async function installServiceWorker(): Promise<void> {
  if (!('serviceWorker' in navigator) || import.meta.env.DEV) return;
  try {
    await navigator.serviceWorker.register('./serviceWorker.js');
    await navigator.serviceWorker.ready;
    readyOffline.value = true;
  } catch {
    giveUp(); // a private window, a policy: the app works as long as the network does
  }
}

/** Resolves when the page is isolated if it can be; reloads it once if that brings threads. */
export async function untilIsolated(): Promise<void> {
  if (crossOriginIsolated || !('serviceWorker' in navigator) || import.meta.env.DEV) return;
  if (wasReloaded()) return; // once is enough: some browsers refuse
  const ready = await Promise.race([navigator.serviceWorker.ready, patience]);
  if (!ready?.active) return;
  reloadOnce();
  await new Promise(() => {}); // nothing must start in the page that is reloaded
}

/** The history's entry survives a reload, also where site data is blocked. */
function wasReloaded(): boolean {
  return history.state?.[reloaded] === true;
}

function reloadOnce(): void {
  history.replaceState({ ...history.state, [reloaded]: true }, '');
  location.reload();
}

/** Whether a model that was loaded from this address or under this name would load again without a network. */
export async function isKept(source: string): Promise<boolean> {
  const kept = await keptModels();
  return kept.some(({ address, complete }) => complete && isOf(address, source));
}

/** Whether the kept files at an address are those of a model of this name. */
export function isOf(address: string, source: string): boolean {
  const repository = (findInCatalogue(source)?.repository ?? source).replace(/:[^/]*$/, '');
  return address === source.replace(/\/+$/, '') || address.includes(`/${repository}/resolve/`);
}

/** A file of the app could not be fetched: after a new version is published, old names lead nowhere. */
export const outdated = signal(false);

/** Loads a part of the app. Reloads the page once if the part is gone, and sets `outdated` if that did not help. */
export async function loadPart<T>(load: () => Promise<T>): Promise<T | undefined> {
  try {
    return await load();
  } catch (error) {
    console.warn(error);
    if (navigator.onLine && !wasReloaded()) reloadOnce();
    else outdated.value = true;
    return undefined;
  }
}
