/** Builds what the package publishes: src/ bundled to lib/, with its types, and dist/library, one module for plain pages. */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

// Vite as a program: loaded into this process it would keep the process alive.
const vite = fileURLToPath(new URL('bin/vite.js', import.meta.resolve('vite/package.json')));
const run = (program: string, ...args: string[]) =>
  execFileSync(process.execPath, [program, ...args], { cwd: root, stdio: 'inherit' });

rmSync(new URL('../lib', import.meta.url), { recursive: true, force: true });
for (const config of ['scripts/package.config.ts', 'web/library.config.ts']) {
  run(vite, 'build', '-c', config, '--logLevel', 'error');
}
run(tsc, '-p', 'tsconfig.package.json');
