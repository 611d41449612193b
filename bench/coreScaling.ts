/**
 * How many cores the threads of a machine really have: a virtual processor may be half of a core, or share its time with
 * others, and for seconds only.
 */
import { CpuEngine } from '../src/engine/cpu/cpuEngine.ts';
import { ternaryLinear } from '../src/ops/ternaryLinear/ternaryLinear.ts';
import { output, record } from '../src/program/record.ts';
import { input, variable } from '../src/program/tensor.ts';

/** Products from the second cache, which keep the vector units of a core busy. */
const [rows, width, out, products] = [8, 1024, 2048, 64];
const rounds = 3;

export interface CoreScaling extends AsyncDisposable {
  /** Speed of all threads relative to one of them; near the number of threads where each has a core of its own. */
  measure(): Promise<number>;
}

export async function coreScaling(threads: number): Promise<CoreScaling> {
  const alone = await CpuEngine.create({ threads: 1 });
  const together = await CpuEngine.create({ threads });
  const runs = [alone, together].map((engine) => {
    const x = input('x', [rows, width]);
    const weight = variable('weight', [out, width], 'ternary');
    const scale = variable('scale', [1]);
    const program = record('products', () => {
      for (let i = 0; i < products; i++) output(ternaryLinear(x, { weight, scale }));
    });
    return engine.load(program);
  });
  const timeOf = async (run: () => Promise<void>) => {
    const start = performance.now();
    await run();
    return performance.now() - start;
  };
  return {
    async measure() {
      const least = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
      for (let round = 0; round < rounds; round++)
        for (const [index, executable] of runs.entries())
          least[index] = Math.min(least[index]!, await timeOf(() => executable.run()));
      return least[0]! / least[1]!;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([alone.dispose(), together.dispose()]);
    },
  };
}
