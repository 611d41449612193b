/** The shaders that a device with these features would run for a program; needs no device. */
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { planMemory } from '../../program/plan.ts';
import type { Program } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import type { DeviceFeatures } from './device.ts';
import { dispatchesOf, scratchOf } from './dispatchList.ts';
import { fuse } from './fused/fuse.ts';
import { type AssembledShader, assembleShader } from './shader.ts';

export interface AssembledDispatch extends AssembledShader {
  readonly dispatch: Dispatch;
  /** The call's index in the fused program, and its op. */
  readonly line: number;
  readonly op: string;
}

export function assembleProgram(recorded: Program, features: DeviceFeatures): AssembledDispatch[] {
  const program = fuse(recorded, features);
  const dispatches = dispatchesOf(program, features);
  const { offsets } = planMemory(program, {
    scratchOf: (call) => scratchOf(call, dispatches.get(call) ?? []),
  });
  const placeOf = (tensor: Tensor) => {
    const target = program.assignments.get(tensor) ?? tensor;
    return target.kind === 'temporary' ? `arena ${offsets.get(target)}` : target.name;
  };
  return program.calls.flatMap((call, line) =>
    (dispatches.get(call) ?? []).map((dispatch) => ({
      ...assembleShader(dispatch, placeOf, features),
      ...{ dispatch, line, op: call.op.name },
    })),
  );
}
