/** An engine that measures every kernel of every program that it runs. */
import type { Engine, Executable, KernelTime, Read } from '../engine/engine.ts';
import type { MemoryPlan } from '../program/plan.ts';
import type { Program } from '../program/record.ts';
import { WrappedEngine } from './wrappedEngine.ts';

export class ProfilingEngine extends WrappedEngine {
  readonly #onTimes: (times: readonly KernelTime[]) => void;

  /** @param onTimes receives the kernels of each run, in order */
  constructor(inner: Engine, onTimes: (times: readonly KernelTime[]) => void) {
    super(inner);
    this.#onTimes = onTimes;
  }

  override load(program: Program): Executable {
    return new ProfiledExecutable(this.inner, this.inner.load(program), this.#onTimes);
  }
}

class ProfiledExecutable implements Executable {
  readonly program: Program;
  readonly plan: MemoryPlan;
  readonly #engine: Engine;
  readonly #executable: Executable;
  readonly #onTimes: (times: readonly KernelTime[]) => void;

  constructor(engine: Engine, executable: Executable, onTimes: (times: readonly KernelTime[]) => void) {
    this.program = executable.program;
    this.plan = executable.plan;
    this.#engine = engine;
    this.#executable = executable;
    this.#onTimes = onTimes;
  }

  /** Marks are all reached at the end. */
  async run(reads: readonly Read[] = [], reached?: (mark: number) => void, times = 1): Promise<void> {
    for (let time = 1; time <= times; time++) this.#onTimes(await this.#executable.profile());
    for (const mark of this.program.marks.keys()) reached?.(mark);
    for (const { tensor, target } of reads) await this.#engine.read(tensor, target);
  }

  async profile(): Promise<KernelTime[]> {
    const times = await this.#executable.profile();
    this.#onTimes(times);
    return times;
  }
}
