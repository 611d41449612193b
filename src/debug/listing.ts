/** Lists the code that engines run for a program, as text: the program, the kernels of the CPU, the shaders of a GPU. */
import { planOnCpu } from '../engine/cpu/planOnCpu.ts';
import { assembleProgram } from '../engine/webgpu/assembleProgram.ts';
import type { DeviceFeatures } from '../engine/webgpu/device.ts';
import type { KernelCall } from '../kernels/cpu/kernelCall.ts';
import type { Dispatch } from '../kernels/webgpu/dispatch.ts';
import type { MemoryPlan } from '../program/plan.ts';
import type { Program } from '../program/record.ts';
import { Tensor } from '../program/tensor.ts';

/** A line for each call: its number, op, inputs and outputs. */
export function listProgram({ calls, assignments }: Program): string[] {
  return calls.map(({ op, inputs, outputs, attributes }, line) => {
    const results = Object.entries(outputs).map(([name, tensor]) => {
      const target = tensor && assignments.get(tensor);
      return `${name}=${tensor ?? 'none'}${target ? ` in ${target.name}` : ''}`;
    });
    const read = Object.entries(inputs).map(([name, tensor]) => `${name}=${tensor ?? 'none'}`);
    const settings = attributes === undefined ? [] : [JSON.stringify(attributes)];
    return [line, op.name, ...read, ...settings, '→', ...results].join(' ');
  });
}

/** A line for each kernel: the line of its call, op, kernel, arguments. Temporaries have their offset in the arena. */
export function listCpuKernels(program: Program): string[] {
  const { kernels, plan } = planOnCpu(program);
  return program.calls.flatMap((call, line) =>
    (kernels.get(call) ?? []).map((one) =>
      [line, call.op.name, one.kernel, ...kernelArguments(one, program, plan)].join(' '),
    ),
  );
}

function kernelArguments({ args, table }: KernelCall, program: Program, plan: MemoryPlan): string[] {
  const words = Object.entries(args).map(
    ([name, value]) =>
      `${name}=${value instanceof Tensor ? placed(value, program, plan) : (value ?? 'none')}`,
  );
  return [...words, ...(table ? [`table=[${table.join(' ')}]`] : [])];
}

function placed(tensor: Tensor, { assignments }: Program, { offsets }: MemoryPlan): string {
  const target = assignments.get(tensor);
  if (target) return `${tensor} in ${target.name}`;
  return tensor.kind === 'temporary' ? `${tensor} at ${offsets.get(tensor)}` : `${tensor}`;
}

export interface ShaderListing {
  /** WGSL by file name; equal sources are one file. */
  readonly files: ReadonlyMap<string, string>;
  /** A line for each dispatch: the line of its call in the fused program, op, file, workgroups, numbers, tensors. */
  readonly dispatches: readonly string[];
}

export function listShaders(recorded: Program, features: DeviceFeatures): ShaderListing {
  const names = new Map<string, string>();
  const counts = new Map<string, number>();
  const dispatches = assembleProgram(recorded, features).map(({ dispatch, source, bindings, line, op }) => {
    let file = names.get(source);
    if (!file) {
      const count = (counts.get(dispatch.shader) ?? 0) + 1;
      counts.set(dispatch.shader, count);
      file = `${dispatch.shader}${count > 1 ? `-${count}` : ''}.wgsl`;
      names.set(source, file);
    }
    const workgroups = `[${dispatch.workgroups.join(' ')}]`;
    return [line, op, file, workgroups, ...numbersOf(dispatch), ...bindings.map(String)].join(' ');
  });
  return { files: new Map([...names].map(([source, file]) => [file, source])), dispatches };
}

function numbersOf({ numbers }: Dispatch): string[] {
  return Object.entries(numbers).map(
    ([name, value]) => `${name}=${typeof value === 'number' ? value : value.f32}`,
  );
}
