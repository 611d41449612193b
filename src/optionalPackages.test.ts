import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { explainMissing, loadOptional, MissingPackageError, optionalPackages } from './optionalPackages.ts';

it.each([
  "Cannot find package 'hono' imported from /app/node_modules/plusminus/lib/serve/app.js", // Node
  "Cannot find package 'hono' from '/app/node_modules/plusminus/lib/serve/app.js'", // Bun
  "Cannot find module 'hono/cors'\nRequire stack: …", // bundlers
])('names the command that installs what is missing: %s', async (message) => {
  const error = new Error(message);
  await expect(loadOptional(() => Promise.reject(error))).rejects.toThrow(
    'the HTTP server: the package "hono" is not installed; run "npm install hono @hono/node-server pino prom-client lru-cache"',
  );
  expect(explainMissing(error)).toBeInstanceOf(MissingPackageError);
  expect(explainMissing(error)).toMatchObject({ cause: error });
});

it('leaves other errors as they are', async () => {
  const error = new Error("Cannot find package 'honolulu'");
  await expect(loadOptional(() => Promise.reject(error))).rejects.toBe(error);
});

it('lists what package.json declares as optional', () => {
  const { peerDependencies, peerDependenciesMeta, devDependencies } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  );
  for (const name of optionalPackages.flatMap(({ packages }) => packages)) {
    expect([name, peerDependencies[name], peerDependenciesMeta[name]]).toEqual([
      name,
      devDependencies[name],
      { optional: true },
    ]);
  }
});
