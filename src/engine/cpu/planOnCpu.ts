/** What a program runs and needs on the CPU engine, known before there is one. */
import type { KernelCall } from '../../kernels/cpu/kernelCall.ts';
import type { CpuLowering } from '../../kernels/cpu/lowering.ts';
import { type Call, present } from '../../program/op.ts';
import { type MemoryPlan, planMemory } from '../../program/plan.ts';
import type { Program } from '../../program/record.ts';
import { Tensor } from '../../program/tensor.ts';
import { type Lowerings, lowerProgram } from '../lowerings.ts';
import { cpuLowerings } from './lowerings.ts';

export interface CpuProgram {
  readonly kernels: ReadonlyMap<Call, readonly KernelCall[]>;
  readonly plan: MemoryPlan;
}

/** @throws Error that names ops without a lowering */
export function planOnCpu(program: Program, table: Lowerings<CpuLowering> = cpuLowerings): CpuProgram {
  const kernels = lowerProgram('cpu', program, table, (lowering, call) => lowering(call));
  const plan = planMemory(program, { scratchOf: (call) => scratchOf(call, kernels.get(call) ?? []) });
  return { kernels, plan };
}

/** The temporaries that the kernels of a call pass among themselves. */
function scratchOf({ inputs, outputs }: Call, kernels: readonly KernelCall[]): Tensor[] {
  const operands = new Set([...present(inputs), ...present(outputs)]);
  const used = new Set(kernels.flatMap(({ args }) => Object.values(args)));
  return [...used].filter(
    (value): value is Tensor => value instanceof Tensor && value.kind === 'temporary' && !operands.has(value),
  );
}
