import { describe, expect, it, vi } from 'vitest';
import { chooseEngine } from '../engines.ts';
import { probeCuda } from './probe.ts';

/** A machine that looks as if it had a card: this file stands for the driver's device. */
const withSign = () => probeCuda([import.meta.filename]);
const worksHere = (await withSign()).works;

describe('--engine auto', () => {
  it('is the CPU, without a word, where there is no NVIDIA card', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    expect(await chooseEngine('auto', {}, () => probeCuda(['/no/such/device']))).toBe('cpu');
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  it.skipIf(worksHere)('is the CPU where a card cannot be used, and says once why', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    expect(await chooseEngine('auto', {}, withSign)).toBe('cpu');
    expect(await chooseEngine('auto', {}, withSign)).toBe('cpu');
    expect(warn.mock.calls).toEqual([
      [expect.stringMatching(/^plusminus: the CPU computes, because .*driver.*--engine cpu/)],
    ]);
    warn.mockRestore();
  });

  it('is CUDA where it works, but for who asks for threads', async () => {
    const works = async () => ({ works: true }) as const;
    expect(await chooseEngine('auto', {}, works)).toBe('cuda');
    expect(await chooseEngine('auto', { threads: 2 }, works)).toBe('cpu');
    expect(await chooseEngine('webgpu', {}, works)).toBe('webgpu');
  });

  it('takes a device that must not be looked at for none', async () => {
    const refuses = () => {
      throw new Error('Requires all access to "/dev/nvidiactl"');
    };
    expect(await probeCuda(['/dev/nvidiactl'], refuses)).toEqual({ works: false, problem: undefined });
  });
});
