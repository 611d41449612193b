/**
 * How the GPU kernels that a program launches multiply integers, by their text: a GPU tells no counts. Kernels that are not
 * named here have none of these instructions; like all kernels, they multiply floats one by one.
 */
import { fuse } from '../../src/engine/cuda/fused/fuse.ts';
import { assembleKernel } from '../../src/engine/cuda/kernelSource.ts';
import { planSteps } from '../../src/engine/cuda/steps.ts';
import { assembleProgram } from '../../src/engine/webgpu/assembleProgram.ts';
import { deviceKinds } from '../../src/engine/webgpu/deviceKinds.ts';
import { isProduct } from '../../src/kernels/cuda/launch.ts';
import type { Program } from '../../src/program/record.ts';

export interface TextRow {
  readonly engine: string;
  readonly kernel: string;
  readonly launches: number;
  readonly multipliesBy: string;
}

/** Instructions by the words that call them. */
const instructions: readonly (readonly [word: RegExp, meaning: string])[] = [
  [/\b__dp4a\(/, '__dp4a: 4 products of 8 bits'],
  [/\bdot4I8Packed\(/, 'dot4I8Packed: 4 products of 8 bits'],
  [/subgroup_matrix_left<i8|subgroupMatrixMultiplyAccumulate[^;]*i32/, 'matrices of 8-bit integers'],
  [/subgroupMatrixMultiplyAccumulate\(/, 'matrices in a subgroup'],
  [/\bmma\.sync|wmma::mma_sync/, 'matrices in a warp'],
];

function meaningsOf(source: string): string {
  return instructions
    .filter(([word]) => word.test(source))
    .map(([, meaning]) => meaning)
    .join('; ');
}

export function gpuRows(program: Program): TextRow[] {
  return [...webgpuKernels(program), ...cudaKernels(program)].filter(
    ({ multipliesBy }) => multipliesBy !== '',
  );
}

function webgpuKernels(program: Program): TextRow[] {
  const list = assembleProgram(program, deviceKinds['tensor cores']!);
  return count(
    'webgpu',
    list.map(({ dispatch, source }) => [dispatch.shader, meaningsOf(source)]),
  );
}

function cudaKernels(program: Program): TextRow[] {
  const features = { minHalfWork: 2 ** 16, processors: 132, sharedBytes: 227 * 1024, parameterBytes: 4096 };
  const { steps } = planSteps(fuse(program, features), features);
  return count(
    'cuda',
    steps.map((step) =>
      isProduct(step)
        ? [step.product, `cuBLASLt, ${step.a.tensor.dtype} matrices`]
        : [step.kernel, meaningsOf(assembleKernel(step).source)],
    ),
  );
}

function count(engine: string, kernels: readonly (readonly [name: string, meaning: string])[]): TextRow[] {
  return [...Map.groupBy(kernels, (pair) => pair.join('\n')).values()].map((same) => {
    const [kernel, multipliesBy] = same[0]!;
    return { engine, kernel, launches: same.length, multipliesBy };
  });
}
