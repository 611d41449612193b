import { render } from 'preact';
import { App } from './app.tsx';
import { installServiceWorker } from './offline.ts';

const root = document.getElementById('app')!;
root.replaceChildren();
render(<App />, root);
void installServiceWorker();
