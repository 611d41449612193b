#!/usr/bin/env node
// Runs the command line from its TypeScript sources, which Node 22.18 and later do by themselves.
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `plusminus needs Node 22.18 or later, found ${process.versions.node}. ` +
      'In the repository, "npm ci" installs one: use "npm run plusminus -- …" or "npx plusminus …".',
  );
  process.exit(1);
}
// Commands start in a third of the time once Node need not strip and compile the sources anew.
module.enableCompileCache(fileURLToPath(new URL('../build/compiled', import.meta.url)));
await import('../src/cli/main.ts');
