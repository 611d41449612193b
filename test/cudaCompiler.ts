/**
 * CUDA without a GPU: the kernels that a program would launch are compiled for cards of three generations, and launches and
 * products are checked against the limits of cards. Tests that need the compiler are skipped where it is missing;
 * PLUSMINUS_REQUIRE_NVRTC=1, as in CI, turns that into a failure.
 */
import { expect } from 'vitest';
import { parameterBytesOf } from '../src/engine/cuda/driver.ts';
import { NoCudaError } from '../src/engine/cuda/errors.ts';
import { fuse } from '../src/engine/cuda/fused/fuse.ts';
import { assembleKernel } from '../src/engine/cuda/kernelSource.ts';
import { compileKernel } from '../src/engine/cuda/kernels.ts';
import { loadKoffi } from '../src/engine/cuda/library.ts';
import { Nvrtc } from '../src/engine/cuda/nvrtc.ts';
import { planSteps } from '../src/engine/cuda/steps.ts';
import { type CudaFeatures, isProduct, type Step, tensorsOf } from '../src/kernels/cuda/launch.ts';
import { present } from '../src/program/op.ts';
import type { Program } from '../src/program/record.ts';

/** Ampere, Hopper, and Blackwell for desktops, which compilers know from 12.8 on. */
export const capabilitiesOf = ({ version }: Nvrtc): number[] => {
  const [major, minor] = version.split('.').map(Number) as [number, number];
  return major > 12 || minor >= 8 ? [80, 90, 120] : [80, 90];
};

/** The compiler; undefined where it is missing and need not be there. */
export const compiler = await openCompiler();

/** A card with products in f32, and one on which small products take narrow operands too, with the newest driver. */
export const everyCard: readonly CudaFeatures[] = [
  {
    ...{ minHalfWork: Number.POSITIVE_INFINITY, processors: 108, sharedBytes: 99 * 1024 },
    parameterBytes: parameterBytesOf(12),
  },
  {
    ...{ minHalfWork: 2 ** 16, processors: 132, sharedBytes: 227 * 1024 },
    parameterBytes: parameterBytesOf(Number.parseInt(compiler?.version ?? '13', 10)),
  },
];

async function openCompiler(): Promise<Nvrtc | undefined> {
  const koffi = await loadKoffi();
  try {
    return Nvrtc.open(koffi, 13);
  } catch (error) {
    if (error instanceof NoCudaError && process.env.PLUSMINUS_REQUIRE_NVRTC !== '1') return undefined;
    throw error;
  }
}

const compiled = new Set<string>();

/** Compiles what a program launches, and returns the names of its kernels and products. */
export function compileProgram(program: Program, features: CudaFeatures): string[] {
  const { program: fused, steps } = planSteps(fuse(program, features), features);
  expectMade(program, fused, steps);
  return steps.map((step) => {
    if (isProduct(step)) return step.product;
    const kernel = assembleKernel(step);
    if (compiled.has(kernel.source)) return step.kernel;
    compiled.add(kernel.source);
    for (const capability of capabilitiesOf(compiler!)) {
      expect(compileKernel(compiler!, kernel, capability).length, step.kernel).toBeGreaterThan(0);
    }
    return step.kernel;
  });
}

/** No step uses a result of the recorded program that fusing has replaced by another tensor. */
function expectMade(recorded: Program, fused: Program, steps: readonly Step[]): void {
  const made = new Set(fused.calls.flatMap(({ outputs }) => present(outputs)));
  const replaced = recorded.calls.flatMap(({ outputs }) => present(outputs)).filter((one) => !made.has(one));
  const used = new Set(steps.flatMap(tensorsOf));
  expect(replaced.filter((tensor) => used.has(tensor)).map(({ name }) => name)).toEqual([]);
}
