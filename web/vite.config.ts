/** Builds the app to dist/web: static files for any host, at any path. */
import preact from '@preact/preset-vite';
import { defineConfig } from 'vite';
import { exampleText } from './build/exampleText.ts';
import { models } from './build/models.ts';
import { presenter, shareable } from './build/presenter.ts';
import { serviceWorker, unusedPart } from './build/serviceWorker.ts';
import { shortShaders } from './build/shortShaders.ts';

/** They let threads share memory. */
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** What only answers with a form need, which the page asks none for. */
const answerForms = /\/src\/generate\/(constraint|tools\/toolGrammar)/;

/** What several pages share comes as one file: small ones compress badly, and each is a request. */
const shared = /web\/src\/(parts\/|talk|texts|keep|trained|tar|write|readText|dropped|download)/;

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [preact(), exampleText(), models(), shareable(), presenter(), serviceWorker()],
  define: { __SOURCE__: JSON.stringify(process.env.PLUSMINUS_WEB_SOURCE ?? '') },
  // The engines run in workers.
  worker: {
    format: 'es',
    plugins: () => [shortShaders()],
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [{ name: unusedPart, test: answerForms, includeDependenciesRecursively: false }],
        },
      },
    },
  },
  build: {
    ...{ outDir: '../dist/web', emptyOutDir: true, target: 'es2022', modulePreload: { polyfill: false } },
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [{ name: 'shared', test: shared, minShareCount: 2 }],
          includeDependenciesRecursively: false,
        },
      },
    },
  },
  server: { headers },
  preview: { headers },
});
