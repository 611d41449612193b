/**
 * Where NVIDIA's libraries are. The driver brings libcuda; NVRTC (the compiler) and cuBLASLt (dense products) come with
 * the CUDA toolkit, with pip's `nvidia-*` packages, or with PyTorch, which depends on those. NCCL (exchange between GPUs)
 * comes with pip's package, with PyTorch, or with a package of the system.
 */
import { globSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { NoCudaError, remedy } from './errors.ts';

export type ToolkitLibrary = 'nvrtc' | 'cublasLt' | 'nccl';

/** The driver's library: the system's, or that of the Windows Subsystem for Linux. */
export const driverLibraries = ['libcuda.so.1', '/usr/lib/wsl/lib/libcuda.so.1'];

interface Source {
  /** Who needs the library, for errors. */
  readonly need: string;
  /** The package of pip that holds it, and what else brings it. */
  readonly package: string;
  readonly other: string;
  /** Versions of the library that a driver runs. */
  readonly versions: readonly [min: number, max: number];
}

/** @param cuda major version of the driver's CUDA */
function sourceOf(name: ToolkitLibrary, cuda: number): Source {
  const toolkit = { need: 'the CUDA engine needs', other: 'install the CUDA toolkit' };
  const generation = cuda < 13 ? '-cu12' : ''; // without a number they are those of CUDA 13
  switch (name) {
    case 'nvrtc':
      return { ...toolkit, package: `nvidia-cuda-nvrtc${generation}`, versions: [12, cuda] };
    case 'cublasLt':
      return { ...toolkit, package: `nvidia-cublas${generation}`, versions: [12, cuda] };
    case 'nccl':
      return {
        ...{ need: 'training over several GPUs needs', other: 'install the package libnccl2' },
        ...{ package: `nvidia-nccl-cu${cuda}`, versions: [2, 2] },
      };
  }
}

/**
 * Paths of a toolkit library, of the newest version first; only those of a toolkit that a driver of this CUDA version
 * runs.
 * @throws NoCudaError with the command that installs it
 */
export function findLibrary(
  name: ToolkitLibrary,
  driverMajor: number,
  folders: readonly string[] = libraryFolders(),
): string[] {
  const found = folders.flatMap((folder) =>
    globSync(`lib${name}.so.*`, { cwd: folder }).map((file) => join(folder, file)),
  );
  const { need, other, versions: allowed, ...source } = sourceOf(name, driverMajor);
  const [min, max] = allowed;
  const versions = found
    .map((path) => ({ path, major: Number(/\.so\.(\d+)/.exec(path)?.[1]) }))
    .filter(({ major }) => major >= min && major <= max)
    .sort((a, b) => b.major - a.major || b.path.localeCompare(a.path));
  if (versions.length > 0) return [...new Set(versions.map(({ path }) => path))];
  const hint = found.length
    ? `; found ${found.join(', ')}, which a driver for CUDA ${driverMajor} does not run`
    : '';
  throw new NoCudaError(
    `${need} lib${name}, version ${min === max ? min : `${min} to ${max}`}${hint}: run ` +
      `"pip install ${source.package}" or ${other}, or set LD_LIBRARY_PATH to its folder; or ${remedy}`,
  );
}

/** Folders in which toolkits and Python packages keep libraries. */
export function libraryFolders(environment: NodeJS.ProcessEnv = process.env): string[] {
  const { LD_LIBRARY_PATH = '', CUDA_HOME, CUDA_PATH } = environment;
  const toolkits = [CUDA_HOME, CUDA_PATH, ...globSync('/usr/local/cuda*')].filter(
    (path) => path !== undefined,
  );
  const patterns = [
    ...LD_LIBRARY_PATH.split(':').filter(Boolean),
    ...toolkits.flatMap((path) => [`${path}/lib64`, `${path}/lib`, `${path}/targets/x86_64-linux/lib`]),
    ...pythonFolders(environment).flatMap((path) => [`${path}/nvidia/*/lib`, `${path}/torch/lib`]),
    ...['/usr/lib/x86_64-linux-gnu', '/usr/lib64'],
  ];
  return [...new Set(patterns.flatMap((pattern) => (pattern.includes('*') ? globSync(pattern) : [pattern])))];
}

/** Where Python's packages are: of an active environment, of the `python3` in PATH, and of the system. */
function pythonFolders({ PATH = '', VIRTUAL_ENV, CONDA_PREFIX, HOME }: NodeJS.ProcessEnv): string[] {
  const beside = PATH.split(delimiter).flatMap((folder) => {
    try {
      const python = join(folder, 'python3');
      return [dirname(folder), dirname(dirname(realpathSync(python)))];
    } catch {
      return []; // no Python there
    }
  });
  const roots = [VIRTUAL_ENV, CONDA_PREFIX, ...beside, HOME && `${HOME}/.local`, '/usr/local', '/usr'];
  return [...new Set(roots.filter((root) => root !== undefined && root !== ''))].flatMap((root) => [
    `${root}/lib/python3*/site-packages`,
    `${root}/lib/python3*/dist-packages`,
    `${root}/lib/python3/dist-packages`,
  ]);
}
