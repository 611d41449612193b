/**
 * Where NVIDIA's libraries are. The driver brings libcuda; NVRTC (the compiler) and cuBLASLt (dense products) come with
 * the CUDA toolkit, with pip's `nvidia-*` packages, or with PyTorch, which depends on those.
 */
import { globSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { NoCudaError, remedy } from './errors.ts';

export type ToolkitLibrary = 'nvrtc' | 'cublasLt';

/** The driver's library: the system's, or that of the Windows Subsystem for Linux. */
export const driverLibraries = ['libcuda.so.1', '/usr/lib/wsl/lib/libcuda.so.1'];

/** The package of pip that holds a library. */
const packages: Readonly<Record<ToolkitLibrary, string>> = {
  nvrtc: 'nvidia-cuda-nvrtc',
  cublasLt: 'nvidia-cublas',
};

/**
 * Paths of a toolkit library, of the newest version first; only those of a toolkit that a driver of this CUDA version
 * runs.
 * @throws NoCudaError with the command that installs it
 */
export function findLibrary(name: ToolkitLibrary, driverMajor: number): string[] {
  const found = libraryFolders().flatMap((folder) =>
    globSync(`lib${name}.so.*`, { cwd: folder }).map((file) => join(folder, file)),
  );
  const versions = found
    .map((path) => ({ path, major: Number(/\.so\.(\d+)/.exec(path)?.[1]) }))
    .filter(({ major }) => major >= 12 && major <= driverMajor)
    .sort((a, b) => b.major - a.major || b.path.localeCompare(a.path));
  if (versions.length > 0) return [...new Set(versions.map(({ path }) => path))];
  const hint = found.length
    ? `; found ${found.join(', ')}, which a driver for CUDA ${driverMajor} does not run`
    : '';
  throw new NoCudaError(
    `the CUDA engine needs lib${name}, version 12 to ${driverMajor}${hint}: run "pip install ${packages[name]}" or ` +
      `install the CUDA toolkit, or set LD_LIBRARY_PATH to its folder; or ${remedy}`,
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
