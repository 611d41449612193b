/** A program as the device runs it: pipelines, bind groups and workgroup counts, one after the other. */

import { scratchAmong } from '../../kernels/scratch.ts';
import type { Dispatch, GpuFeatures } from '../../kernels/webgpu/dispatch.ts';
import type { WebGpuLowering } from '../../kernels/webgpu/lowering.ts';
import { type Call, present } from '../../program/op.ts';
import type { MemoryPlan } from '../../program/plan.ts';
import type { Program } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { type Lowerings, lowerProgram } from '../lowerings.ts';
import type { DeviceFeatures } from './device.ts';
import { GpuError, remedy } from './errors.ts';
import { webgpuLowerings } from './lowerings.ts';
import { type DeviceMemory, type Place, usage } from './memory.ts';
import type { Pipelines } from './pipelines.ts';
import { assembleShader, numberBytes } from './shader.ts';

interface Step {
  readonly shader: string;
  readonly compiling: Promise<GPUComputePipeline>;
  readonly bindings: readonly Tensor[];
  /** Offset of its numbers in the buffer of all numbers, and their size in bytes. */
  readonly numbers: number;
  readonly numberBytes: number;
  readonly workgroups: Dispatch['workgroups'];
  pipeline?: GPUComputePipeline;
  bindGroup?: GPUBindGroup;
}

/** The engine's parts that a list needs. */
export interface Device {
  readonly device: GPUDevice;
  readonly features: DeviceFeatures;
  readonly memory: DeviceMemory;
  readonly pipelines: Pipelines;
}

/** The dispatches of each call of a program. */
export function dispatchesOf(
  program: Program,
  features: GpuFeatures,
  table: Lowerings<WebGpuLowering> = webgpuLowerings,
): Map<Call, readonly Dispatch[]> {
  return lowerProgram('webgpu', program, table, (lowering, call) => lowering(call, features));
}

/** Scratch that a call's dispatches share; the program does not know it. */
export function scratchOf(call: Call, dispatches: readonly Dispatch[]): Tensor[] {
  return scratchAmong(
    call,
    dispatches.flatMap(({ tensors }) => present(tensors)),
  );
}

/** Uniform bindings start at multiples of this on every device. */
const numberAlignment = 256;

export class DispatchList {
  readonly program: Program;
  readonly plan: MemoryPlan;
  /** Dispatches before each mark of the program. */
  readonly marks: readonly number[];
  readonly #on: Device;
  readonly #steps: readonly Step[];
  readonly #numbers: GPUBuffer;
  /** The state of the memory for which bind groups were made. */
  #generation = -1;

  constructor(
    on: Device,
    program: Program,
    plan: MemoryPlan,
    dispatches: ReadonlyMap<Call, readonly Dispatch[]>,
  ) {
    this.#on = on;
    this.program = program;
    this.plan = plan;
    const numbers = new NumberBlocks();
    const lists = program.calls.map((call) => dispatches.get(call) ?? []);
    this.marks = program.marks.map((line) => lists.slice(0, line).flat().length);
    this.#steps = lists.flat().map((dispatch) => this.#step(dispatch, numbers));
    this.#numbers = numbers.upload(on.device);
  }

  get length(): number {
    return this.#steps.length;
  }

  name(step: number): string {
    return this.#steps[step]!.shader;
  }

  /** Waits for the compiler, and renews bind groups if temporaries have moved. */
  async prepare(): Promise<void> {
    if (this.#generation === this.#on.memory.generation) return;
    for (const step of this.#steps) {
      step.pipeline ??= await step.compiling;
      step.bindGroup = this.#bind(step);
    }
    this.#generation = this.#on.memory.generation;
  }

  dispose(): void {
    this.#numbers.destroy();
  }

  /** Encodes the dispatches [first, end). */
  encode(encoder: GPUCommandEncoder, first = 0, end = this.length): void {
    const pass = encoder.beginComputePass();
    for (let step = first; step < end; step++) this.encodeStep(pass, step);
    pass.end();
  }

  encodeStep(pass: GPUComputePassEncoder, index: number): void {
    const { pipeline, bindGroup, workgroups } = this.#steps[index]!;
    pass.setPipeline(pipeline!);
    pass.setBindGroup(0, bindGroup!);
    pass.dispatchWorkgroups(...workgroups);
  }

  placeOf(tensor: Tensor): Place {
    return this.#on.memory.placeOf(this.program.assignments.get(tensor) ?? tensor, this.plan);
  }

  #step(dispatch: Dispatch, numbers: NumberBlocks): Step {
    const { features, pipelines, device } = this.#on;
    const keys = new Map<Tensor, number>();
    const placeKey = (tensor: Tensor) => {
      const target = this.program.assignments.get(tensor) ?? tensor;
      if (target.kind === 'temporary') return `arena ${this.plan.offsets.get(target)}`;
      if (!keys.has(target)) keys.set(target, keys.size);
      return `variable ${keys.get(target)}`;
    };
    const { source, bindings } = assembleShader(dispatch, placeKey, features);
    const maxBuffers = device.limits.maxStorageBuffersPerShaderStage;
    if (bindings.length > maxBuffers) {
      throw new GpuError(
        `shader ${dispatch.shader} binds ${bindings.length} tensors, this GPU at maxBuffers ${maxBuffers}; ${remedy}`,
      );
    }
    const bytes = numberBytes(dispatch.numbers);
    return {
      shader: dispatch.shader,
      compiling: pipelines.compile(dispatch.shader, source, bindings.length),
      bindings,
      numbers: numbers.add(bytes),
      numberBytes: bytes.length,
      workgroups: dispatch.workgroups,
    };
  }

  #bind({ shader, bindings, numbers, numberBytes }: Step): GPUBindGroup {
    const { device, pipelines } = this.#on;
    const entries: GPUBindGroupEntry[] = bindings.map((tensor, index) => ({
      binding: index + 1,
      resource: { ...this.placeOf(tensor), size: Math.ceil(Math.max(tensor.bytes, 1) / 4) * 4 },
    }));
    const uniform = { buffer: this.#numbers, offset: numbers, size: numberBytes };
    return device.createBindGroup({
      label: shader,
      layout: pipelines.layout(bindings.length),
      entries: [{ binding: 0, resource: uniform }, ...entries],
    });
  }
}

/** The numbers of all dispatches in one buffer; equal groups are stored once. */
class NumberBlocks {
  readonly #blocks: Uint8Array[] = [];
  readonly #offsets = new Map<string, number>();

  add(bytes: Uint8Array): number {
    const key = bytes.join();
    const known = this.#offsets.get(key);
    if (known !== undefined) return known;
    const offset = this.#blocks.length * numberAlignment;
    this.#offsets.set(key, offset);
    this.#blocks.push(bytes);
    return offset;
  }

  upload(device: GPUDevice): GPUBuffer {
    const buffer = device.createBuffer({
      label: 'numbers',
      size: Math.max(this.#blocks.length, 1) * numberAlignment,
      usage: usage.uniform,
      mappedAtCreation: true,
    });
    const mapped = new Uint8Array(buffer.getMappedRange());
    this.#blocks.forEach((bytes, index) => {
      mapped.set(bytes, index * numberAlignment);
    });
    buffer.unmap();
    return buffer;
  }
}
