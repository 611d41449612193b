/** Kernel calls and memory of a program on the CPU engine, computed without starting an engine. */
import type { KernelCall } from '../../kernels/cpu/kernelCall.ts';
import type { CpuLowering } from '../../kernels/cpu/lowering.ts';
import { scratchAmong } from '../../kernels/scratch.ts';
import type { Call } from '../../program/op.ts';
import { type MemoryPlan, planMemory } from '../../program/plan.ts';
import type { Program } from '../../program/record.ts';
import { Tensor } from '../../program/tensor.ts';
import { type Lowerings, lowerProgram } from '../lowerings.ts';
import { cpuLowerings } from './lowerings.ts';

/** A row of activations stays while kernels that follow may share a phase with those that read it. */
const lingering = { lines: 3, bytes: 2 ** 16 };

export interface CpuProgram {
  readonly kernels: ReadonlyMap<Call, readonly KernelCall[]>;
  readonly plan: MemoryPlan;
}

/** @throws Error that names ops without a lowering */
export function planOnCpu(program: Program, table: Lowerings<CpuLowering> = cpuLowerings): CpuProgram {
  const kernels = lowerProgram('cpu', program, table, (lowering, call) => lowering(call));
  const plan = planMemory(program, {
    lingering,
    scratchOf: (call) => scratchAmong(call, tensorsOf(kernels.get(call) ?? [])),
  });
  return { kernels, plan };
}

function tensorsOf(kernels: readonly KernelCall[]): Tensor[] {
  return kernels.flatMap(({ args }) => Object.values(args)).filter((value) => value instanceof Tensor);
}
