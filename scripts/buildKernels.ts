/**
 * Compiles the AssemblyScript kernels to build/kernels*.wasm, one module for each combination of
 * - shared memory (several threads) or not (a page that is not cross-origin isolated), and
 * - relaxed SIMD (fused multiply-add, int8 dot products) or plain SIMD128.
 */
import { glob, mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import { hashOf, sourcesFile } from '../src/platform/staleKernels.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const entry = 'src/engine/cpu/assembly/kernels.as.ts';

async function build(
  name: string,
  { shared, relaxed }: { shared: boolean; relaxed: boolean },
): Promise<void> {
  const features = ['simd', 'threads', ...(relaxed ? ['relaxed-simd'] : [])];
  const options = [
    ...['--outFile', `build/${name}.wasm`, '--baseDir', root, '--runtime', 'stub', '-O3', '--noAssert'],
    ...['--importMemory', '--importTable', '--initialMemory', '1', '--maximumMemory', '65536'],
    ...features.flatMap((feature) => ['--enable', feature]),
    ...(shared ? ['--sharedMemory'] : []),
  ];
  const { error, stderr } = await asc.main([entry, ...options], { stdout: process.stdout });
  if (error) throw new Error(`building ${name}.wasm failed: ${error.message}\n${stderr}`);
}

process.chdir(root);
await mkdir('build', { recursive: true });
const sources: Record<string, string> = {};
for await (const path of glob('src/**/*.as.ts')) sources[path] = hashOf(await readFile(path));
for (const shared of [true, false]) {
  for (const relaxed of [true, false]) {
    await build(`kernels${shared ? '.threads' : ''}${relaxed ? '.relaxed' : ''}`, { shared, relaxed });
  }
}
// What they were built from, so that a start can tell when that has changed.
await writeFile(`build/${sourcesFile}`, JSON.stringify(sources));
