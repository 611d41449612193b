/** What a program runs on a card, without one: the steps of each call, and where their temporaries lie. */
import type { CudaFeatures, Step } from '../../kernels/cuda/launch.ts';
import { tensorsOf } from '../../kernels/cuda/launch.ts';
import type { CudaLowering } from '../../kernels/cuda/lowering.ts';
import { scratchAmong } from '../../kernels/scratch.ts';
import { type MemoryPlan, planMemory } from '../../program/plan.ts';
import type { Program } from '../../program/record.ts';
import { type Lowerings, lowerProgram } from '../lowerings.ts';
import { checkStep } from './checkStep.ts';
import { cudaLowerings } from './lowerings.ts';

export interface PlannedSteps {
  readonly program: Program;
  readonly plan: MemoryPlan;
  readonly steps: readonly Step[];
  /** Steps before each mark of the program. */
  readonly marks: readonly number[];
}

export function planSteps(
  program: Program,
  features: CudaFeatures,
  table: Lowerings<CudaLowering> = cudaLowerings,
): PlannedSteps {
  const stepsOf = lowerProgram('cuda', program, table, (lowering, call) => lowering(call, features));
  const plan = planMemory(program, {
    placesTransient: true,
    scratchOf: (call) => scratchAmong(call, (stepsOf.get(call) ?? []).flatMap(tensorsOf)),
  });
  const lists = program.calls.map((call) => stepsOf.get(call) ?? []);
  const marks = program.marks.map((line) => lists.slice(0, line).flat().length);
  const steps = lists.flat();
  for (const step of steps) checkStep(step, features);
  return { program, plan, steps, marks };
}
