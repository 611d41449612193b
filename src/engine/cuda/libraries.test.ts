import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../checkpoint/testing.ts';
import { CudaEngine } from './cudaEngine.ts';
import { findLibrary, libraryFolders } from './libraries.ts';

describe("NVIDIA's libraries", () => {
  it('are found in LD_LIBRARY_PATH, toolkits, and the packages of the Python in PATH', async () => {
    const folder = await temporaryFolder();
    const at = (path: string) => join(folder, path);
    const packages = at('python/lib/python3.12/site-packages/nvidia/cu13/lib');
    for (const path of ['given', 'toolkit/lib64', 'bin', 'python/bin', packages])
      await mkdir(path.startsWith('/') ? path : at(path), { recursive: true });
    await writeFile(at('python/bin/python3'), '');
    await symlink(at('python/bin/python3'), at('bin/python3'));
    const found = libraryFolders({ LD_LIBRARY_PATH: at('given'), CUDA_HOME: at('toolkit'), PATH: at('bin') });
    expect(found.slice(0, 2)).toEqual([at('given'), at('toolkit/lib64')]);
    expect(found).toContain(packages);
  });

  it('that are missing, or newer than the driver, are named with the command that installs them', () => {
    expect(() => findLibrary('nvrtc', 11)).toThrow(/needs libnvrtc, version 12 to 11.*--engine cpu/s);
    const missing = (driver: number) => () => findLibrary('nvrtc', driver, []);
    expect(missing(12)).toThrow('run "pip install nvidia-cuda-nvrtc-cu12" or install');
    expect(missing(13)).toThrow('run "pip install nvidia-cuda-nvrtc" or install');
  });
});

describe('an engine that cannot be', () => {
  it('says what is missing', async () => {
    await expect(CudaEngine.create({ device: 99 })).rejects.toThrow(
      /NVIDIA driver|no GPU|card 99: found \d+ NVIDIA GPUs/,
    );
  });
});
