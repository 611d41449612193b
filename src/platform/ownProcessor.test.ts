import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { expect, it } from 'vitest';
import { CpuEngine } from '../engine/cpu/cpuEngine.ts';

const cores = availableParallelism();

/** Processors to which threads of this process are bound. */
function boundTo(): string[] {
  const sets = readdirSync('/proc/self/task').map((thread) => {
    const status = readFileSync(`/proc/self/task/${thread}/status`, 'utf8');
    return /^Cpus_allowed_list:\s*(\S+)/m.exec(status)![1]!;
  });
  return sets.filter((set) => /^\d+$/.test(set));
}

it.skipIf(process.platform !== 'linux' || cores < 2)(
  'each thread has a processor of its own if they take all, and any if not',
  async () => {
    const fewer = await CpuEngine.create({ threads: cores - 1 });
    expect(boundTo()).toEqual([]);
    await fewer.dispose();
    const all = await CpuEngine.create({ threads: cores });
    const bound = boundTo();
    expect(bound).toHaveLength(cores);
    expect(new Set(bound).size).toBe(cores);
    await all.dispose();
  },
);
