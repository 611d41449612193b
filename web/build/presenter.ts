/** What the site needs to be shown: a server of its own, and an address for the picture of links to it. */
import { readFile } from 'node:fs/promises';
import type { Plugin } from 'vite';

/** Puts `present.mjs` into the site, which serves it without installing anything. */
export function presenter(): Plugin {
  return {
    name: 'plusminus-presenter',
    apply: 'build',
    async generateBundle() {
      const source = await readFile(new URL('./present.mjs', import.meta.url));
      this.emitFile({ type: 'asset', fileName: 'present.mjs', source });
    },
  };
}

/** Programs that show links want the whole address of the picture: `PLUSMINUS_WEB_URL` says where the site will be. */
export function shareable(url = process.env.PLUSMINUS_WEB_URL): Plugin {
  return {
    name: 'plusminus-shareable',
    transformIndexHtml: (html) =>
      url
        ? html.replace('"./card.png"', `"${new URL('card.png', `${url.replace(/\/*$/, '')}/`).href}"`)
        : html,
  };
}
