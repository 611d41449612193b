/** Files of the site that no module imports: a build writes them, the development server sends them. */
import { extname } from 'node:path';
import type { Plugin } from 'vite';

const types: Record<string, string> = {
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
};

/** Contents by path from the site's root. */
type SiteFiles = ReadonlyMap<string, string | Uint8Array>;

export function siteFiles(name: string, read: () => Promise<SiteFiles>): Plugin {
  let isBuild = false;
  return {
    name,
    configResolved({ command }) {
      isBuild = command === 'build';
    },
    async buildStart() {
      if (!isBuild) return;
      for (const [fileName, source] of await read()) this.emitFile({ type: 'asset', fileName, source });
    },
    async configureServer({ middlewares }) {
      const files = await read();
      middlewares.use(({ url = '/' }, response, next) => {
        const path = decodeURIComponent(new URL(url, 'http://localhost').pathname).slice(1);
        const content = files.get(path);
        if (content === undefined) return next();
        response.setHeader('content-type', types[extname(path)] ?? 'application/octet-stream');
        response.end(content);
      });
    },
  };
}
