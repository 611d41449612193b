/** Every kernel of every kind of model is compiled, and every launch checked, without a GPU: see test/cudaCompiler.ts. */
import { describe, expect, it } from 'vitest';
import { capabilitiesOf, compileProgram, compiler, everyCard } from '../../../test/cudaCompiler.ts';
import { everyModel, programsOf } from '../../../test/everyProgram.ts';
import type { Launch, Product } from '../../kernels/cuda/launch.ts';
import { input } from '../../program/tensor.ts';
import { checkStep } from './checkStep.ts';
import { compileKernel } from './kernels.ts';
import { toHostKernel } from './toHost.cuda.ts';

describe.skipIf(!compiler)('kernels for NVIDIA cards', () => {
  it.for(everyModel)('compile: %s, %s %j', { timeout: 300_000 }, ([architecture, mode, form]) => {
    for (const features of everyCard) {
      const names = programsOf(architecture, mode, form).flatMap((program) =>
        compileProgram(program, features),
      );
      const onTensorCores = names.some((name) => name.startsWith('narrow') || name === 'ternary');
      expect(onTensorCores, names.join()).toBe(features.minHalfWork < Number.POSITIVE_INFINITY);
    }
  });

  it('compile: the copy of small results to the host', () => {
    for (const capability of capabilitiesOf(compiler!))
      expect(compileKernel(compiler!, toHostKernel, capability).length).toBeGreaterThan(0);
  });

  it('the compiler refuses what is not CUDA C++, with its own words', () => {
    for (const capability of capabilitiesOf(compiler!))
      expect(() => compiler!.compile('broken', '__global__ void broken() { x = 1; }', capability)).toThrow(
        /NVRTC refused the kernel broken for sm_\d+: .*identifier "x" is undefined/s,
      );
  });
});

describe('what no card takes is refused', () => {
  const x = input('x', [4, 8]);
  const launch: Launch = {
    ...{ kernel: 'k', body: '', tensors: { x }, numbers: { size: 32 }, grid: [1, 1, 1], block: 256 },
  };
  const product: Product = {
    ...{ product: 'p', a: { tensor: x, columns: 8 }, b: { tensor: x, columns: 8, transposed: true } },
    ...{ y: input('y', [4, 4]), m: 4, n: 4, k: 8 },
  };

  it.for<[string, Launch | Product]>([
    ['k: a grid of 1 × 65536 × 1 blocks', { ...launch, grid: [1, 65_536, 1] }],
    ['k: a grid of 0 × 1 × 1 blocks', { ...launch, grid: [0, 1, 1] }],
    ['k: blocks of 2048 threads', { ...launch, block: 2048 }],
    ['k: blocks of 100 threads', { ...launch, block: 100 }],
    ['k: size is -1; expected an integer of 32 bits', { ...launch, numbers: { size: -1 } }],
    ['k: 200000 bytes of shared memory', { ...launch, shared: 200_000 }],
    ['k: 4108 bytes of parameters; expected at most 4096', { ...launch, lists: { all: Array(512).fill(0) } }],
    ['p: operands of f32 and i8', { ...product, b: { tensor: input('b', [4, 8], 'i8'), columns: 8 } }],
    ['p: f32 operands give f32, found y: i32[4, 4]', { ...product, y: input('y', [4, 4], 'i32') }],
    ['p: x: f32[4, 8] holds no matrix of 5 × 8', { ...product, m: 5 }],
    ['p: y: f32[2, 4] holds no matrix of 4 × 4', { ...product, y: input('y', [2, 4]) }],
    ['p: a product takes a factor or a sum, not both', { ...product, alpha: x, to: x }],
  ])('%s', ([message, step]) => {
    expect(() => checkStep(step)).toThrow(message);
    checkStep(launch);
    checkStep(product);
  });
});
