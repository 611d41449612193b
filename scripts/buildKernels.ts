/**
 * Compiles the AssemblyScript kernels to build/kernels*.wasm, one module for each combination of
 * - shared memory (several threads) or not (a page that is not cross-origin isolated), and
 * - relaxed SIMD (fused multiply-add, int8 dot products) or plain SIMD128.
 */
import { glob, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { hashOf, sourcesFile } from '../src/platform/staleKernels.ts';
import { writeKernelArguments } from './kernelArguments.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const entry = 'src/engine/cpu/assembly/kernels.as.ts';

interface Variant {
  readonly name: string;
  readonly shared: boolean;
  readonly relaxed: boolean;
}

const variants: readonly Variant[] = [true, false].flatMap((shared) =>
  [true, false].map((relaxed) => ({
    name: `kernels${shared ? '.threads' : ''}${relaxed ? '.relaxed' : ''}`,
    shared,
    relaxed,
  })),
);

export async function buildKernels(): Promise<void> {
  process.chdir(root);
  await mkdir('build', { recursive: true });
  await writeKernelArguments(root);
  const sources = await hashSources();
  for (const variant of variants) await build(variant);
  // Lets a start notice that the sources have changed since.
  await writeFile(`build/${sourcesFile}`, JSON.stringify(sources));
}

/** Whether build/ holds all variants, compiled from the sources as they are now. */
export async function kernelsAreCurrent(): Promise<boolean> {
  try {
    await Promise.all(variants.map(({ name }) => readFile(join(root, `build/${name}.wasm`))));
    const built = JSON.parse(await readFile(join(root, 'build', sourcesFile), 'utf8'));
    return isDeepStrictEqual(built, await hashSources());
  } catch {
    return false;
  }
}

/** The SHA-256 of each source by its path from the root. */
async function hashSources(): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for await (const path of glob('src/**/*.as.ts', { cwd: root })) {
    hashes[path.replaceAll('\\', '/')] = hashOf(await readFile(join(root, path)));
  }
  return hashes;
}

async function build({ name, shared, relaxed }: Variant): Promise<void> {
  const { default: asc } = await import('assemblyscript/asc');
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

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await buildKernels();
