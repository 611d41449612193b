/** Writes what npm run test:cuda found to results/cuda-tests.json: commit, card, and counts for each file. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

const target = process.env.CUDA_TESTS_OUT ?? 'results/cuda-tests.json';

export class CudaRecord implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const files = Object.fromEntries(
      modules
        .map((one) => [one.relativeModuleId, countsOf(one)] as const)
        .filter(([, { passed, failed }]) => passed + failed > 0)
        .sort(([a], [b]) => a.localeCompare(b)),
    );
    const sum = (key: 'passed' | 'failed') =>
      Object.values(files).reduce((total, counts) => total + counts[key], 0);
    const record = {
      date: new Date().toISOString().slice(0, 10),
      commit: process.env.COMMIT ?? commit(),
      card: output('nvidia-smi', ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader']),
      ...{ passed: sum('passed'), failed: sum('failed'), files },
    };
    writeFileSync(target, `${JSON.stringify(record, null, 2)}\n`);
  }
}

function countsOf(module: TestModule): { passed: number; failed: number } {
  const states = [...module.children.allTests()].map((test) => test.result().state);
  const count = (state: string) => states.filter((one) => one === state).length;
  return { passed: count('passed'), failed: count('failed') };
}

/** The commit, marked if files differ from it. */
function commit(): string {
  return output('git', ['describe', '--always', '--dirty']);
}

function output(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8' }).trim();
}
