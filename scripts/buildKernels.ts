/**
 * Compiles the AssemblyScript kernels to build/kernels*.wasm, one module for each combination of
 * - shared memory (several threads) or not (a page that is not cross-origin isolated), and
 * - relaxed SIMD (fused multiply-add, int8 dot products) or plain SIMD128;
 * and what draws tokens to build/draw.wasm, which has a memory of its own and the same bits everywhere.
 */
import { glob, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { hashOf, sourcesFile } from '../src/platform/staleKernels.ts';
import { writeKernelArguments } from './kernelArguments.ts';

const root = fileURLToPath(new URL('../', import.meta.url));

interface Module {
  readonly name: string;
  readonly entry: string;
  readonly options: readonly string[];
}

const kernelModules: readonly Module[] = [true, false].flatMap((shared) =>
  [true, false].map((relaxed) => ({
    name: `kernels${shared ? '.threads' : ''}${relaxed ? '.relaxed' : ''}`,
    entry: 'src/engine/cpu/assembly/kernels.as.ts',
    options: [
      ...['--importMemory', '--importTable', '--initialMemory', '1', '--maximumMemory', '65536'],
      ...['--enable', 'threads', ...(relaxed ? ['--enable', 'relaxed-simd'] : [])],
      ...(shared ? ['--sharedMemory'] : []),
    ],
  })),
);
const modules: readonly Module[] = [
  ...kernelModules,
  { name: 'draw', entry: 'src/ops/sample/draw/module.as.ts', options: [] },
];

export async function buildKernels(): Promise<void> {
  process.chdir(root);
  await mkdir('build', { recursive: true });
  await writeKernelArguments(root);
  const sources = await hashSources();
  for (const module of modules) await build(module);
  // Lets a start notice that the sources have changed since.
  await writeFile(`build/${sourcesFile}`, JSON.stringify(sources));
}

/** Whether build/ holds all modules, compiled from the sources as they are now. */
export async function kernelsAreCurrent(): Promise<boolean> {
  try {
    await Promise.all(modules.map(({ name }) => readFile(join(root, `build/${name}.wasm`))));
    const built = JSON.parse(await readFile(join(root, 'build', sourcesFile), 'utf8'));
    return isDeepStrictEqual(built, await hashSources());
  } catch {
    return false;
  }
}

/** The SHA-256 of each source by its path from build/. */
async function hashSources(): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for await (const path of glob('src/**/*.as.ts', { cwd: root })) {
    hashes[`../${path.replaceAll('\\', '/')}`] = hashOf(await readFile(join(root, path)));
  }
  return hashes;
}

async function build({ name, entry, options }: Module): Promise<void> {
  const { default: asc } = await import('assemblyscript/asc');
  const common = [
    ...['--outFile', `build/${name}.wasm`, '--baseDir', root, '--runtime', 'stub', '-O3', '--noAssert'],
    ...['--enable', 'simd'],
  ];
  const { error, stderr } = await asc.main([entry, ...common, ...options], { stdout: process.stdout });
  if (error) throw new Error(`building ${name}.wasm failed: ${error.message}\n${stderr}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await buildKernels();
