/**
 * Builds the native kernels, which are optional, to build/native/<platform>: npm run build:native.
 *
 *   npm run build:native                    for this machine, with CC, else the compiler cc
 *   npm run build:native -- --package       the same, as the package that brings it to others: npm pack build/native/<platform>
 *   npm run build:native -- --emulate-tiles for this machine, with AMX in plain C, to test its kernels where there is none
 *   npm run build:native -- --all           packages for all platforms, with Zig (ZIG, else "python3 -m ziglang")
 *   npm run build:native -- --cpu arm64     for this system on another processor, with a CC that compiles for it
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { hashOf } from '../src/platform/staleKernels.ts';
import { argumentsFile } from './kernelArguments.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const { version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

interface Source {
  readonly name: string;
  /** Instructions that the compiler may use; which the processor has is asked when the library is loaded. */
  readonly flags: readonly string[];
}

/** The words of a command that compiles C, and whether it is Zig, which has other names for processors. */
interface Compiler {
  readonly words: readonly string[];
  readonly isZig: boolean;
}

const avx2 = ['-mavx2', '-mfma', '-mf16c'];
const avx512 = [...avx2, '-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mavx512vnni'];

/** Loops over floats become vectors, without errno and traps, which WebAssembly does not have either. */
const loops = ['-fno-math-errno', '-fno-trapping-math'];

const common: readonly Source[] = ['plusminus', 'processor'].map((name) => ({ name, flags: [] }));
const x64: readonly Source[] = [
  { name: 'ternaryAvx2', flags: avx2 },
  { name: 'groupedAvx2', flags: avx2 },
  { name: 'denseAvx2', flags: [...avx2, ...loops] },
  { name: 'rowsAvx2', flags: [...avx2, ...loops] },
  { name: 'ternaryAvxVnni', flags: [...avx2, '-mavxvnni'] },
  { name: 'groupedAvxVnni', flags: [...avx2, '-mavxvnni'] },
  { name: 'ternaryAvx512', flags: avx512 },
  { name: 'groupedAvx512', flags: avx512 },
  { name: 'denseAvx512', flags: [...avx512, ...loops, '-mprefer-vector-width=512'] },
  { name: 'rowsAvx512', flags: [...avx512, ...loops, '-mprefer-vector-width=512'] },
];
const tiles = [...avx512, '-mavx512bf16', '-mamx-tile', '-mamx-int8', '-mamx-bf16'];
const amx: readonly Source[] = [
  { name: 'ternaryAmx', flags: tiles },
  { name: 'ternaryAmxFew', flags: tiles },
  { name: 'denseAmx', flags: tiles },
];
/** GCC before 13 has dot products only beside all of ARMv8.2. */
const neon = (...extensions: string[]) => ['-march=armv8.2-a', ...extensions].join('+');
const arm64: readonly Source[] = [
  { name: 'ternaryNeon', flags: [neon('dotprod')] },
  { name: 'ternaryI8mm', flags: [neon('dotprod', 'i8mm')] },
  { name: 'groupedNeon', flags: [neon('dotprod')] },
  { name: 'denseNeon', flags: loops },
  { name: 'rowsNeon', flags: loops },
];

interface Platform {
  readonly os: string;
  readonly cpu: string;
  /** Zig's name of the target. */
  readonly target: string;
}

const platforms: readonly Platform[] = [
  { os: 'linux', cpu: 'x64', target: 'x86_64-linux-gnu.2.28' },
  { os: 'linux', cpu: 'arm64', target: 'aarch64-linux-gnu.2.28' },
  { os: 'darwin', cpu: 'x64', target: 'x86_64-macos' },
  { os: 'darwin', cpu: 'arm64', target: 'aarch64-macos' },
  { os: 'win32', cpu: 'x64', target: 'x86_64-windows-gnu' },
  { os: 'win32', cpu: 'arm64', target: 'aarch64-windows-gnu' },
];

function sourcesFor({ os, cpu }: Platform): readonly Source[] {
  const own = cpu === 'x64' ? [...x64, ...(os === 'linux' ? amx : [])] : cpu === 'arm64' ? arm64 : [];
  if (own.length === 0) throw new Error(`no native kernels for ${os}-${cpu}: WebAssembly runs there`);
  return [...common, ...own];
}

/** Contraction is off: a product and a sum round as they do in WebAssembly. */
const options = [
  ...['-std=gnu11', '-O3', '-Wall', '-Wextra', '-ffp-contract=off', '-fvisibility=hidden'],
  `-DPLUSMINUS_VERSION="${version}"`,
];

/**
 * GCC's elimination of partial redundancies turns the sums of a loop round by round, through copies and memory. Clang
 * ignores the option, and Zig refuses it.
 */
const forGcc = ['-fno-tree-pre', '-Wno-ignored-optimization-argument'];

/** Compiles and links. Returns the library's folder. */
function build(platform: Platform, compiler: Compiler): string {
  const { os, cpu } = platform;
  const folder = join(root, 'build/native', `${os}-${cpu}`);
  mkdirSync(folder, { recursive: true });
  const position = os === 'win32' ? [] : ['-fPIC'];
  const given = [...options, ...position, ...(compiler.isZig ? [] : forGcc)];
  const named = (flag: string) =>
    compiler.isZig ? flag.replace('-march=armv8.2-a', '-mcpu=generic+v8_2a') : flag;
  const objects = sourcesFor(platform).map(({ name, flags }) => {
    const object = join(folder, `${name}.o`);
    run(compiler, ...given, ...flags.map(named), '-c', join(root, 'native', `${name}.c`), '-o', object);
    return object;
  });
  const extension = { win32: 'dll', darwin: 'dylib' }[os] ?? 'so';
  const sources = JSON.stringify(hashSources());
  run(compiler, '-shared', ...position, ...objects, '-o', join(folder, `plusminus.${extension}`));
  // Lets a start notice that the sources have changed since.
  writeFileSync(join(folder, 'sources.json'), sources);
  return folder;
}

/** Runs the compiler, and ends the program if it fails: its own messages say why. */
function run({ words: [command, ...words] }: Compiler, ...args: string[]): void {
  const { error, status } = spawnSync(command!, [...words, ...args], { stdio: 'inherit' });
  if (error) {
    console.error(`no C compiler: ${error.message}; install gcc or clang, or set CC (with --all, ZIG)`);
  }
  if (status !== 0) process.exit(1);
}

/** The SHA-256 of what the library was compiled from, and of the fields that its callers pass, by paths from its folder. */
function hashSources(): Record<string, string> {
  const paths = [...globSync('native/*.{c,h,inc}', { cwd: root }), argumentsFile].toSorted();
  return Object.fromEntries(
    paths.map((path) => [`../../../${path.replaceAll('\\', '/')}`, hashOf(readFileSync(join(root, path)))]),
  );
}

/** What npm needs to install the folder as an optional package. */
function writePackage(folder: string, { os, cpu }: Platform): void {
  const extension = { win32: 'dll', darwin: 'dylib' }[os] ?? 'so';
  const manifest = {
    name: `@plusminus/native-${os}-${cpu}`,
    ...{ version, license, os: [os], cpu: [cpu] },
    ...(os === 'linux' ? { libc: ['glibc'] } : {}),
    description: `Native kernels of plusminus for ${os}-${cpu}`,
    files: [`plusminus.${extension}`],
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  writeFileSync(
    join(folder, 'README.md'),
    `${manifest.description}: install it beside \`plusminus\` and \`koffi\`, of the same version as \`plusminus\`.\n`,
  );
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
}

const { values } = parseArgs({
  options: {
    all: { type: 'boolean' },
    cpu: { type: 'string', default: process.arch },
    package: { type: 'boolean' },
    'emulate-tiles': { type: 'boolean' },
  },
});
if (values.all) {
  const zig = process.env.ZIG?.split(' ') ?? ['python3', '-m', 'ziglang'];
  for (const platform of platforms)
    writePackage(
      build(platform, { words: [...zig, 'cc', '-target', platform.target], isZig: true }),
      platform,
    );
} else {
  const here = { os: process.platform, cpu: values.cpu, target: 'native' };
  const emulation = values['emulate-tiles'] ? ['-DEMULATED_TILES'] : [];
  const folder = build(here, { words: [process.env.CC ?? 'cc', ...emulation], isZig: false });
  if (values.package) writePackage(folder, here);
  console.log(folder);
}
