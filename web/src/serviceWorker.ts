/**
 * Stores the files of the app and answers from the store first. All names but the page's contain a hash of the content.
 * Models are cached by the library (src/platform/browserCache.ts), not here.
 */

import { hasRelaxedSimd } from '../../src/engine/cpu/relaxedSimd.ts';

/** Written by the build: the app's files, and a version that changes with any of them. */
declare const __FILES__: readonly string[];
declare const __VERSION__: string;

interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  /** Of the page that a navigation makes. */
  readonly resultingClientId: string;
  respondWith(response: Promise<Response>): void;
}
interface Scope extends EventTarget {
  skipWaiting(): Promise<void>;
  readonly clients: {
    claim(): Promise<void>;
    matchAll(options: object): Promise<readonly { readonly id: string }[]>;
  };
  readonly registration: { readonly scope: string };
}

const scope = globalThis as unknown as Scope;
const prefix = 'plusminus-app-';
const cacheName = prefix + __VERSION__;

scope.addEventListener('install', (event) => {
  (event as ExtendableEvent).waitUntil(
    caches
      .open(cacheName)
      .then((cache) =>
        cache.addAll(__FILES__.filter(isNeeded).map((file) => new Request(file, { cache: 'no-cache' }))),
      )
      .then(() => scope.skipWaiting()),
  );
});

const ownKernels = hasRelaxedSimd() ? 'kernels.threads.relaxed-' : 'kernels.threads-';

/** Of the four files of kernels, the one for this browser with threads; the others are kept once they are used. */
function isNeeded(file: string): boolean {
  return !/\/kernels[.-][^/]*\.wasm$/.test(file) || file.includes(ownKernels);
}

scope.addEventListener('activate', (event) => {
  (event as ExtendableEvent).waitUntil(scope.clients.claim());
});

scope.addEventListener('fetch', (event) => {
  const { request } = event as FetchEvent;
  const url = new URL(request.url);
  if (
    request.method !== 'GET' ||
    url.origin !== location.origin ||
    !request.url.startsWith(scope.registration.scope)
  )
    return;
  (event as FetchEvent).respondWith(answer(request));
  if (request.mode === 'navigate') (event as FetchEvent).waitUntil(removeOld(event as FetchEvent));
});

/** Pages that are open may still ask for files of their own version, so old ones go when there is no other page. */
async function removeOld({ resultingClientId }: FetchEvent): Promise<void> {
  const pages = await scope.clients.matchAll({ type: 'window', includeUncontrolled: true });
  if (pages.some(({ id }) => id !== resultingClientId)) return;
  const names = await caches.keys();
  await Promise.all(
    names.filter((name) => name.startsWith(prefix) && name !== cacheName).map((name) => caches.delete(name)),
  );
}

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(cacheName);
  const wanted = request.mode === 'navigate' ? scope.registration.scope : request;
  const kept = await cache.match(wanted, { ignoreSearch: request.mode === 'navigate' });
  return isolated(kept ?? (await ofEarlierVersion(request)) ?? (await fetched(request, cache)));
}

/** From the network; kernels are kept. */
async function fetched(request: Request, cache: Cache): Promise<Response> {
  const response = await fetch(request);
  if (response.ok && request.url.endsWith('.wasm'))
    await cache.put(request, response.clone()).catch(() => {}); // the disk is full
  return response;
}

/** Files have their content's hash in their names, so that an old one is what an open page of its version wants. */
async function ofEarlierVersion(request: Request): Promise<Response | undefined> {
  if (!new URL(request.url).pathname.includes('/assets/')) return undefined;
  const names = (await caches.keys()).filter((name) => name.startsWith(prefix));
  for (const name of names) {
    const kept = await (await caches.open(name)).match(request);
    if (kept) return kept;
  }
  return undefined;
}

/** The two headers that let threads share memory, for hosts that cannot send them. */
function isolated(response: Response): Response {
  if (response.status === 0 || response.status === 304) return response;
  const headers = new Headers(response.headers);
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Resource-Policy', 'same-origin');
  const { status, statusText } = response;
  return new Response([101, 204, 205].includes(status) ? null : response.body, {
    status,
    statusText,
    headers,
  });
}
