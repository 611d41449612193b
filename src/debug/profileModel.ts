/** Measures what a model's kernels take, by kernel. */
import type { Engine, KernelTime } from '../engine/engine.ts';
import { LanguageModel } from '../languageModel.ts';
import { loadIntoEngine } from '../loadModel.ts';
import { ProfilingEngine } from './profilingEngine.ts';

/** All runs of one kernel. */
export interface KernelShare {
  readonly kernel: string;
  readonly calls: number;
  readonly milliseconds: number;
  /** Of the time of all kernels, 0 to 1. */
  readonly share: number;
}

export interface Profile {
  /** The engine, for people. */
  readonly engine: string;
  /** The slowest first. */
  readonly kernels: readonly KernelShare[];
  /** Of all kernels. */
  readonly milliseconds: number;
  /** The whole run as the host sees it, measured kernel by kernel: longer than a usual run. */
  readonly wallMilliseconds: number;
}

/**
 * Runs tokens through a model twice, and measures the second time: compiling and warming up are over by then.
 * @throws InputError as `LanguageModel.load` and `forward` do; GpuError if the GPU has no clock
 */
export async function profileModel(
  source: string,
  tokens: readonly number[],
  createEngine: () => Promise<Engine>,
  signal?: AbortSignal,
): Promise<Profile> {
  const times: KernelTime[] = [];
  const create = async () => new ProfilingEngine(await createEngine(), (run) => times.push(...run));
  await using model = new LanguageModel(await loadIntoEngine(source, create, { signal }));
  await model.forward(tokens, { signal });
  times.length = 0;
  const began = performance.now();
  await model.forward(tokens, { signal });
  const wallMilliseconds = performance.now() - began;
  return { engine: model.engine, ...sharesOf(times), wallMilliseconds };
}

function sharesOf(times: readonly KernelTime[]): Pick<Profile, 'kernels' | 'milliseconds'> {
  const total = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const found = new Map<string, { calls: number; milliseconds: number }>();
  for (const { kernel, milliseconds } of times) {
    const row = found.get(kernel) ?? { calls: 0, milliseconds: 0 };
    found.set(kernel, { calls: row.calls + 1, milliseconds: row.milliseconds + milliseconds });
  }
  const kernels = [...found]
    .map(([kernel, row]) => ({ kernel, ...row, share: total > 0 ? row.milliseconds / total : 0 }))
    .sort((a, b) => b.milliseconds - a.milliseconds);
  return { kernels, milliseconds: total };
}
