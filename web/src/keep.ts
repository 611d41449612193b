/**
 * What is kept in this browser: talks, texts and trained models, in IndexedDB. Where a browser refuses to keep anything
 * (a private window, blocked site data), things last as long as the page.
 */
import { type Signal, signal } from '@preact/signals';
import { deleteKept, keptModels } from '../../src/platform/keptModels.ts';

const kinds = ['talks', 'texts', 'models'] as const;
export type Kind = (typeof kinds)[number];

export interface Kept {
  readonly id: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly changed: number;
}

/** Undefined until it is known whether the browser keeps things. */
export const keeps = signal<boolean | undefined>(undefined);

/** What the browser has not stored, yet or at all. */
const memory = new Map<Kind, Map<string, Kept>>(kinds.map((kind) => [kind, new Map()]));

/** The tab's own storage, which writes at once, also while the page is being closed. Its host's other pages use it, too. */
const tab = (() => {
  try {
    return sessionStorage;
  } catch {
    return undefined; // site data is blocked
  }
})();

const prefix = 'plusminus-';

let opened: Promise<IDBDatabase | undefined> | undefined;

function database(): Promise<IDBDatabase | undefined> {
  opened ??= new Promise<IDBDatabase | undefined>((resolve) => {
    try {
      const request = indexedDB.open('plusminus', 1);
      request.onupgradeneeded = () => {
        for (const kind of kinds) request.result.createObjectStore(kind, { keyPath: 'id' });
      };
      request.onsuccess = () => {
        request.result.onclose = () => {
          opened = undefined; // the site's data was cleared, and can be kept again
        };
        resolve(request.result);
      };
      request.onerror = request.onblocked = () => resolve(undefined);
    } catch {
      resolve(undefined);
    }
  }).then((found) => {
    keeps.value = found !== undefined;
    return found;
  });
  return opened;
}

export async function put<T extends Kept>(kind: Kind, item: T): Promise<void> {
  const name = `${prefix}${kind} ${item.id}`;
  const unstored = memory.get(kind)!.set(item.id, item);
  // A reload may discard a transaction that has begun. Models are files, which a tab's storage cannot hold.
  if (kind !== 'models') remember(name, JSON.stringify(item));
  const key = await inStore(kind, 'readwrite', (store) => store.put(item)).catch(() => undefined); // the disk is full
  keeps.value = key !== undefined;
  if (key === undefined || unstored.get(item.id) !== item) return;
  unstored.delete(item.id);
  tab?.removeItem(name);
}

/** Until the tab is closed. */
function remember(name: string, text: string): void {
  try {
    tab?.setItem(name, text);
  } catch {
    tab!.removeItem(name); // it is too long, and an earlier one would be wrong
  }
}

/** What the page before a reload could not store any more. */
for (const [name, json] of Object.entries(tab ?? {})) {
  const kind = kinds.find((each) => name.startsWith(`${prefix}${each} `));
  if (kind) restore(kind, name, json);
}

function restore(kind: Kind, name: string, json: string): void {
  try {
    void put(kind, JSON.parse(json));
  } catch {
    tab?.removeItem(name); // another page of this host wrote it
  }
}

export function whenHidden(act: () => void): void {
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') act();
  });
}

const drafts: Signal<string>[] = [];

/** What is being written and kept nowhere else: after a reload it is there again. */
export function draftOf(name: string): Signal<string> {
  const text = signal(tab?.getItem(prefix + name) ?? '');
  whenHidden(() => remember(prefix + name, text.value));
  drafts.push(text);
  return text;
}

/** The page in other tabs. */
const others = (() => {
  try {
    return new BroadcastChannel('plusminus');
  } catch {
    return undefined; // site data is blocked
  }
})();

/** @param act when another tab has kept or deleted something of this kind */
export function whenChanged(kind: Kind, act: () => Promise<void>): void {
  others?.addEventListener('message', ({ data }) => {
    if (data === kind) void act();
  });
}

export async function remove(kind: Kind, id: string): Promise<void> {
  memory.get(kind)!.delete(id);
  tab?.removeItem(`${prefix}${kind} ${id}`);
  await inStore(kind, 'readwrite', (store) => store.delete(id));
}

/** The latest first. */
export async function list<T extends Kept>(kind: Kind): Promise<T[]> {
  const stored = await inStore(kind, 'readonly', (store) => store.getAll() as IDBRequest<T[]>);
  const all = new Map([...(stored ?? []).map((item) => [item.id, item] as const), ...memory.get(kind)!]);
  return ([...all.values()] as T[]).sort((a, b) => b.changed - a.changed);
}

/** Erases everything that the page keeps, the models' files too. */
export async function eraseAll(): Promise<void> {
  for (const name of Object.keys(tab ?? {})) if (name.startsWith(prefix)) tab!.removeItem(name);
  for (const draft of drafts) draft.value = '';
  for (const kind of kinds) {
    memory.get(kind)!.clear();
    await inStore(kind, 'readwrite', (store) => store.clear());
  }
  for (const { address } of await keptModels()) await deleteKept(address);
  try {
    await caches.delete('plusminus-models');
  } catch {
    // site data is blocked
  }
}

async function inStore<T>(
  kind: Kind,
  mode: IDBTransactionMode,
  use: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T | undefined> {
  const found = await database();
  if (!found) return undefined;
  return new Promise((resolve, reject) => {
    const transaction = found.transaction(kind, mode);
    const request = use(transaction.objectStore(kind));
    transaction.commit(); // a page that is closed or reloaded now would discard what is not committed
    transaction.oncomplete = () => {
      if (mode === 'readwrite') others?.postMessage(kind);
      resolve(request.result);
    };
    transaction.onabort = () => reject(transaction.error); // a full disk is noticed only here
  });
}

export function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(9)), (byte) =>
    byte.toString(36).padStart(2, '0'),
  ).join('');
}

/** A name for what begins so, in one line. */
export function firstWords(whole: string): string {
  const text = whole.slice(0, 200).trim().replace(/\s+/g, ' ');
  return text.length <= 40 ? text : `${text.slice(0, 39).replace(/\s\S*$/, '')}…`;
}
