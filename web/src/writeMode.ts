/** What the page Write does: chat, or continue a text; undefined until the reader chooses. */
import { signal } from '@preact/signals';
import { linkIn } from './writeLink.ts';

export const mode = signal<'chat' | 'text' | undefined>(linkIn(location.hash) && 'text');
