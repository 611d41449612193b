/** Builds the service worker last, because it needs the names of all files. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { build, type Plugin } from 'vite';

const source = new URL('../src/serviceWorker.ts', import.meta.url);

/** Name of a chunk of the library that the page does not use. */
export const unusedPart = 'unused';

/** Large and rarely needed files: fetched on demand. The library caches models itself. */
const notKept = new RegExp(`^(models/|assets/${unusedPart}-|present\\.mjs$|.*\\.map$)`);

export function serviceWorker(): Plugin {
  return {
    name: 'plusminus-service-worker',
    apply: 'build',
    enforce: 'post',
    async generateBundle(_, bundle) {
      const files = Object.keys(bundle).filter((file) => !notKept.test(file));
      const hash = createHash('sha256').update(await readFile(source));
      for (const file of files.toSorted()) {
        const entry = bundle[file]!;
        hash.update(file).update(entry.type === 'chunk' ? entry.code : entry.source);
      }
      const kept = ['./', ...files.filter((file) => file !== 'index.html').map((file) => `./${file}`)];
      const version = hash.digest('hex').slice(0, 16);
      this.emitFile({
        type: 'asset',
        fileName: 'serviceWorker.js',
        source: await bundleAlone([...kept, './icon.svg', './manifest.webmanifest'], version),
      });
    },
  };
}

async function bundleAlone(files: readonly string[], version: string): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'warn',
    define: { __FILES__: JSON.stringify(files), __VERSION__: JSON.stringify(version) },
    build: {
      write: false,
      target: 'es2022',
      rolldownOptions: {
        input: source.pathname,
        output: { format: 'iife', entryFileNames: 'serviceWorker.js' },
      },
    },
  });
  const output = Array.isArray(result) ? result[0]!.output : 'output' in result ? result.output : [];
  const chunk = output.find((entry) => entry.type === 'chunk');
  if (chunk?.type !== 'chunk') throw new Error('the build of the service worker produced no code');
  return chunk.code;
}
