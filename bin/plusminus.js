#!/usr/bin/env node
// Runs the command line from its TypeScript sources, which Node 22.15 and later do by themselves.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 15)) {
  console.error(
    `plusminus needs Node 22.15 or later, found ${process.versions.node}. ` +
      'In the repository, "npm ci" installs one: use "npm run plusminus -- …" or "npx plusminus …".',
  );
  process.exit(1);
}
await import('../src/cli/main.ts');
