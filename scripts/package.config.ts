/**
 * Bundles src/ to lib/, as JavaScript for Node and for users' bundlers: few files, because loading a file takes longer than
 * running it. What an import does not need at once stays apart, where src/ imports it on use.
 */
import { defineConfig } from 'vite';

const root = new URL('../', import.meta.url).pathname;
/** What users import, start or resolve by a condition. Threads load their own few files. */
const entries = [
  ...['index.ts', 'cli/main.ts'],
  ...['serve', 'train', 'evaluate', 'accelerator', 'ai'].map((name) => `library/${name}.ts`),
  ...['node.ts', 'browser.ts', 'nodeThread.js', 'browserThread.js'].map((name) => `platform/${name}`),
];
/** These find the compiled kernels by their own address, so that they stay at their place. */
const atTheirPlace = ['engine/cpu/kernelFiles.ts', 'generate/draw/sampler.ts'];
const withoutEnding = (file: string) => file.replace(/\.\w+$/, '');

export default defineConfig({
  root,
  publicDir: false,
  build: {
    ssr: true, // leaves addresses relative to a file, and the dependencies, as they are
    outDir: 'lib',
    target: 'es2024',
    minify: false,
    sourcemap: true,
    rolldownOptions: {
      input: Object.fromEntries(
        [...entries, ...atTheirPlace].map((file) => [withoutEnding(file), `${root}src/${file}`]),
      ),
      // Packages, and #platform, which differs between Node and browsers. Helpers of lowered syntax (`await using`) come along.
      external: [/^(?!@oxc-project\/runtime\/|\0)[^./]/],
      preserveEntrySignatures: 'allow-extension',
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: ({ moduleIds }) => {
          const file = atTheirPlace.find((one) => moduleIds.some((id) => id.endsWith(one)));
          return file === undefined ? 'chunks/[name]-[hash].js' : `${withoutEnding(file)}.shared.js`;
        },
      },
    },
  },
});
