/** The frame around every page: title, pages, and a footer with engine and model. */
import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { entriesIn } from './entries.ts';
import { loadPart, outdated } from './offline.ts';
import { Footer } from './parts/footer.tsx';

const pages = {
  write: { title: 'Write', load: () => import('./pages/write.tsx') },
  models: { title: 'Models', load: () => import('./pages/models.tsx') },
  learn: { title: 'Learn', load: () => import('./pages/learn.tsx') },
  inside: { title: 'Inside', load: () => import('./pages/inside.tsx') },
} as const;

type PageName = keyof typeof pages;

const current = signal<PageName>(pageOfHash());
const loaded = signal<Partial<Record<PageName, ComponentType>>>({});
/** The page receives the focus after navigation, so that screen readers begin there. */
let moved = false;

addEventListener('hashchange', () => {
  moved = true;
  current.value = pageOfHash();
  scrollTo(0, 0);
});

/** `#inside?layer=3` is a place on the page `inside`. */
function pageOfHash(): PageName {
  const name = location.hash.slice(1).split('?')[0]!;
  return Object.hasOwn(pages, name) ? (name as PageName) : 'write';
}

// The first click of a double click has changed what lies under the second: another row's Delete, the Stop of what it began.
addEventListener(
  'click',
  (event) => {
    if (event.detail < 2 || !(event.target as Element).closest('.main, .small, li button')) return;
    event.preventDefault();
    event.stopPropagation();
  },
  true,
);

// Without this a browser would leave the page for the file that is dropped.
addEventListener('dragover', (event) => event.preventDefault());
addEventListener('drop', (event) => {
  if (event.defaultPrevented || !event.dataTransfer?.types.includes('Files')) return;
  event.preventDefault();
  const entries = entriesIn(event.dataTransfer);
  void loadPart(() => import('./dropped.ts')).then((part) => part?.openDropped(entries));
});

export function App() {
  const name = current.value;
  const embedded = new URLSearchParams(location.hash.split('?')[1] ?? '').has('embed');
  const Page = loaded.value[name];
  const main = useRef<HTMLElement>(null);
  useEffect(() => {
    document.title = `${pages[name].title} · PlusMinus`;
    void loadPart<{ default: ComponentType }>(pages[name].load).then((part) => {
      if (!part) return;
      loaded.value = { ...loaded.value, [name]: part.default };
      if (moved) main.current?.focus();
    });
  }, [name]);
  return (
    <>
      <header class="top" hidden={embedded}>
        <a class="brand" href="#write">
          <span aria-hidden="true">±</span> PlusMinus
        </a>
        <nav aria-label="Pages">
          {Object.entries(pages).map(([key, { title }]) => (
            <a key={key} href={`#${key}`} aria-current={key === name ? 'page' : undefined}>
              {title}
            </a>
          ))}
        </nav>
      </header>
      <main id="main" tabIndex={-1} ref={main}>
        {Page ? <Page /> : outdated.value ? <Outdated /> : <p class="quiet">Loading…</p>}
      </main>
      {!embedded && <Footer />}
    </>
  );
}

function Outdated() {
  return (
    <p class="trouble" role="alert">
      This part of the app could not be fetched: the network is gone, or a new version was published.{' '}
      <button type="button" onClick={() => location.reload()}>
        Reload
      </button>
    </p>
  );
}
