/** Before the browser tests: a small model, trained here, and the app built with it. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The built app, with the bundled model. */
    app: string;
    /** The built app without a model. */
    emptyApp: string;
    library: string;
    /** The model's folder. */
    model: string;
  }
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const steps = '60';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'plusminus-web-'));
  const command = (cwd: string, env: NodeJS.ProcessEnv, ...args: string[]) =>
    promisify(execFile)(process.execPath, args, { cwd, env: { ...process.env, ...env } });
  const plusminus = join(root, 'bin/plusminus.js');
  const vite = join(root, 'node_modules/vite/bin/vite.js');
  const build = (config: string, to: string, models: string) =>
    command(
      root,
      { PLUSMINUS_WEB_MODELS: models, NODE_ENV: 'production' }, // the tests' own would build for development
      ...[vite, 'build', '-c', `web/${config}`, '--outDir', join(folder, to), '--emptyOutDir'],
    );
  // With AMX it would be another model, since gradients are rounded; tests know what this one says.
  await command(folder, { PLUSMINUS_NATIVE: 'off' }, plusminus, 'demo', '--steps', steps);
  await mkdir(join(folder, 'models'));
  await command(folder, {}, plusminus, 'convert', 'runs/demo', 'models/small', '--to', 'packed');
  await build('vite.config.ts', 'app', join(folder, 'models'));
  await build('vite.config.ts', 'emptyApp', join(folder, 'nothing'));
  await build('library.config.ts', 'library', '');
  project.provide('app', join(folder, 'app'));
  project.provide('emptyApp', join(folder, 'emptyApp'));
  project.provide('library', join(folder, 'library'));
  project.provide('model', join(folder, 'models/small'));
  return () => rm(folder, { recursive: true });
}
