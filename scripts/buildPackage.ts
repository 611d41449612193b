/** Builds what the package publishes: src/ compiled to lib/ with types, and dist/library, one module for plain pages. */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

rmSync(new URL('../lib', import.meta.url), { recursive: true, force: true });
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.package.json'], { cwd: root, stdio: 'inherit' });

// Vite as a program: loaded into this process it would keep the process alive.
const vite = fileURLToPath(new URL('bin/vite.js', import.meta.resolve('vite/package.json')));
const build = ['build', '-c', 'web/library.config.ts', '--logLevel', 'error'];
execFileSync(process.execPath, [vite, ...build], { cwd: root, stdio: 'inherit' });
