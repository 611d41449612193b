#!/usr/bin/env node
// Runs the command line: in a clone from its TypeScript sources, which Node 22.18 and later run by themselves, in the
// package from the JavaScript that they were compiled to.
import { existsSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const sources = new URL('../src/cli/main.ts', import.meta.url);
const isClone = existsSync(sources);
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `plusminus needs Node 22.18 or later, found ${process.versions.node}. ` +
      (isClone
        ? '"npm ci" installs one for the clone: use "npm run -s plusminus -- …" or "npx plusminus …".'
        : 'Install a current Node from https://nodejs.org.'),
  );
  process.exit(1);
}
// The compile cache cuts the start of a command to a third.
if (isClone) module.enableCompileCache(fileURLToPath(new URL('../build/compiled', import.meta.url)));
else module.enableCompileCache?.();
await import(isClone ? sources.href : '../lib/cli/main.js');
