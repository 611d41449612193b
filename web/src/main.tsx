import { render } from 'preact';
import { App } from './app.tsx';
import { installServiceWorker } from './offline.ts';

/** What a keyboard leaves of the screen, where the browser does not shrink the page itself. */
function followViewport(): void {
  const view = globalThis.visualViewport;
  const tell = () => document.documentElement.style.setProperty('--view', `${view!.height}px`);
  view?.addEventListener('resize', tell);
  if (view) tell();
}

const root = document.getElementById('app')!;
root.replaceChildren();
render(<App />, root);
followViewport();
void installServiceWorker();
