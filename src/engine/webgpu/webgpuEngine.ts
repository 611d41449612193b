/**
 * The WebGPU engine: WGSL kernels on a GPU, in browsers and in Node. A program becomes a list of dispatches with
 * bindings, made once; a run encodes the list into command buffers.
 */
import { awaitPatiently } from '#platform';
import type { GpuFeatures } from '../../kernels/webgpu/dispatch.ts';
import type { WebGpuLowering } from '../../kernels/webgpu/lowering.ts';
import { type MemoryPlan, planMemory } from '../../program/plan.ts';
import type { Program } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import type { Engine, Executable, KernelTime, MemoryBound, Read } from '../engine.ts';
import type { Lowerings } from '../lowerings.ts';
import { type DeviceFeatures, type OpenDevice, openDevice } from './device.ts';
import { DispatchList, dispatchesOf, scratchOf } from './dispatchList.ts';
import { GpuError, remedy } from './errors.ts';
import { fuse } from './fused/fuse.ts';
import { webgpuLowerings } from './lowerings.ts';
import { DeviceMemory, type Place } from './memory.ts';
import { Pipelines } from './pipelines.ts';
import { timeDispatches } from './profile.ts';
import { Staging } from './staging.ts';
import { Uploads } from './uploads.ts';

export interface WebGpuOptions {
  /** The `GPU` object to use; default: the browser's, or in Node that of the package `webgpu`. */
  readonly gpu?: GPU | undefined;
  /** Maximum GPU memory in bytes. */
  readonly memoryLimit?: number | undefined;
  /** Fill temporaries with NaN before each run, to find kernels that leave elements unwritten (for tests). */
  readonly poison?: boolean | undefined;
  /** How programs are rewritten before they run; default: fusing. */
  readonly passes?: readonly GraphPass[] | undefined;
  /** Table of lowerings; default: that of all ops. */
  readonly lowerings?: Lowerings<WebGpuLowering> | undefined;
}

/** Returns a program with the same results that suits the device better. */
export type GraphPass = (program: Program, features: GpuFeatures) => Program;

/**
 * Dispatches in a submission, which costs the host a tenth of a millisecond; and in the first and the last one of a run. The
 * GPU starts on the first while the host encodes the rest, and the host waits for the last one only.
 */
const [submittedAtOnce, submittedAtEnds] = [512, 32];

export class WebGpuEngine implements Engine {
  readonly name = 'webgpu';
  readonly samplesAhead = 16;
  readonly samplesRows = true;
  readonly description: string;
  readonly features: DeviceFeatures;
  readonly device: GPUDevice;
  readonly memory: DeviceMemory;
  readonly pipelines: Pipelines;
  readonly #staging: Staging;
  readonly #uploads: Uploads;
  readonly #poison: boolean;
  readonly #passes: readonly GraphPass[];
  readonly #lowerings: Lowerings<WebGpuLowering>;
  /** Rejects when the device is gone; never resolves. */
  readonly #lost: Promise<never>;
  /** Pending answers of the device; the next run or read waits for them. */
  #pending: Promise<void>[] = [];
  #lastRun: WebGpuExecutable | undefined;

  private constructor({ device, features, description }: OpenDevice, options: WebGpuOptions) {
    this.device = device;
    this.features = features;
    this.description = description;
    this.#poison = options.poison ?? false;
    this.#passes = options.passes ?? [fuse];
    this.#lowerings = options.lowerings ?? webgpuLowerings;
    this.pipelines = new Pipelines(device);
    this.memory = new DeviceMemory(device, options.memoryLimit ?? Number.POSITIVE_INFINITY, (pending) =>
      this.#expect(pending),
    );
    this.#staging = new Staging(device);
    this.#uploads = new Uploads(device);
    this.#lost = device.lost.then(({ reason, message }) => {
      const why = reason === 'destroyed' ? 'the engine was disposed' : message || 'no reason given';
      throw new GpuError(`the GPU device is lost: ${why}; start again, or ${remedy}`);
    });
    this.#lost.catch(() => {}); // runs and reads report it
    device.onuncapturederror = ({ error }) => {
      this.#expect(Promise.reject(new GpuError(`the GPU refused work: ${error.message}; ${remedy}`)));
    };
  }

  static async create(options: WebGpuOptions = {}): Promise<WebGpuEngine> {
    return new WebGpuEngine(await openDevice(options.gpu), options);
  }

  /** Small devices bind too little memory at once for the activations of many tokens. */
  get longestStep(): number {
    return this.memory.pageBytes >= 2 ** 28 ? 2048 : 256;
  }

  /** Bytes of GPU memory in use. */
  get usedBytes(): number {
    return this.memory.usedBytes;
  }

  memoryBounds(): MemoryBound[] {
    const bytes = this.memory.freeBytes;
    if (bytes === Number.POSITIVE_INFINITY) return [];
    return [
      { bytes, what: 'which the limit for the GPU leaves', remedy: `use a smaller model, or ${remedy}` },
    ];
  }

  allocate(tensor: Tensor): void {
    if (tensor.kind === 'temporary')
      throw new Error(`allocate: ${tensor} is a temporary, which programs place`);
    this.memory.allocate(tensor);
  }

  free(tensor: Tensor): void {
    this.memory.free(tensor);
  }

  /** `byteOffset` and the end must be multiples of 4, except for the tensor's own end. */
  write(tensor: Tensor, bytes: Uint8Array, byteOffset = 0): void {
    const end = byteOffset + bytes.length;
    if (end > tensor.bytes) {
      throw new RangeError(
        `write: ${tensor} has ${tensor.bytes} bytes, found ${bytes.length} at ${byteOffset}`,
      );
    }
    if (byteOffset % 4 || (end % 4 && end !== tensor.bytes)) {
      throw new RangeError(
        `write: ${tensor}: expected whole words of 4 bytes, found [${byteOffset}, ${end})`,
      );
    }
    this.allocate(tensor);
    const place = { buffer: this.memory.buffer(tensor), offset: tensor.byteOffset + byteOffset };
    this.#uploads.write(place, bytes);
  }

  async read(tensor: Tensor, target: Uint8Array = new Uint8Array(tensor.bytes)): Promise<Uint8Array> {
    await this.#orLost(this.#staging.read(this.#placeOf(tensor), target));
    await this.#settle();
    return target;
  }

  /** The place of a tensor that may be read now. */
  #placeOf(tensor: Tensor): Place {
    const place =
      tensor.kind === 'temporary'
        ? this.#lastRun?.placeOf(tensor)
        : { buffer: this.memory.buffer(tensor), offset: tensor.byteOffset };
    if (!place) throw new Error(`read: ${tensor} is not an output of the program that ran last`);
    return place;
  }

  load(recorded: Program): WebGpuExecutable {
    const program = this.#passes.reduce((rewritten, pass) => pass(rewritten, this.features), recorded);
    const dispatches = dispatchesOf(program, this.features, this.#lowerings);
    const plan = planMemory(program, {
      pageBytes: this.memory.pageBytes,
      scratchOf: (call) => scratchOf(call, dispatches.get(call) ?? []),
    });
    for (const tensor of plan.offsets.keys()) this.memory.checkSize(tensor);
    for (const tensor of program.persistent()) this.allocate(tensor);
    this.#makeRoom(plan, program);
    return new WebGpuExecutable(this, new DispatchList(this, program, plan, dispatches));
  }

  async dispose(): Promise<void> {
    this.device.destroy();
  }

  /** For executables: runs a list once, and reads tensors in the same command buffer. */
  async execute(
    executable: WebGpuExecutable,
    list: DispatchList,
    reads: readonly Read[],
    reached?: (mark: number) => void,
    times = 1,
  ): Promise<void> {
    await this.#prepare(executable, list);
    if (this.#poison) this.#poisonArena();
    const total = times * list.length;
    let done = 0;
    const encodeTo = (end: number) => {
      const encoder = this.device.createCommandEncoder();
      while (done < end) {
        const first = done % list.length;
        const last = Math.min(first + end - done, list.length);
        list.encode(encoder, first, last);
        done += last - first;
      }
      return encoder;
    };
    const submitTo = (end: number) => {
      while (done < end) this.device.queue.submit([encodeTo(Math.min(done + submittedAtOnce, end)).finish()]);
    };
    const isLong = total > 4 * submittedAtEnds;
    if (isLong) submitTo(submittedAtEnds);
    // Reads that `reached` starts keep their place in the queue; later work does not wait for them.
    for (const [mark, end] of (reached ? list.marks : []).entries()) {
      submitTo(total - list.length + end);
      reached!(mark);
    }
    submitTo(total - (isLong ? submittedAtEnds : submittedAtOnce));
    const encoder = encodeTo(total);
    const staged = this.#staging.stage(
      encoder,
      reads.map(({ tensor, target }) => ({ place: this.#placeOf(tensor), target })),
    );
    this.device.queue.submit([encoder.finish()]);
    await this.#orLost(staged ? staged.arrive() : this.device.queue.onSubmittedWorkDone());
    await this.#settle();
  }

  /** For executables: runs a list once, with a measurement around every dispatch. */
  async executeProfiled(executable: WebGpuExecutable, list: DispatchList): Promise<KernelTime[]> {
    if (!this.features.timestamps)
      throw new GpuError('profile: this GPU does not measure time (timestamp-query)');
    await this.#prepare(executable, list);
    const times = await this.#orLost(timeDispatches(this.device, this.#staging, list));
    await this.#settle();
    return times;
  }

  async #prepare(executable: WebGpuExecutable, list: DispatchList): Promise<void> {
    this.#makeRoom(list.plan, list.program);
    await this.#orLost(list.prepare());
    this.#lastRun = executable;
  }

  /**
   * Room for a program's temporaries. If there is too little, the earlier room is gone as well, and the next run of any
   * program makes its own.
   */
  #makeRoom({ peakBytes }: MemoryPlan, { name }: Program): void {
    if (this.memory.hasRoom(peakBytes)) return;
    this.#lastRun = undefined;
    this.memory.growArena(peakBytes, name);
  }

  #expect(pending: Promise<void>): void {
    pending.catch(() => {}); // reported when it is awaited
    this.#pending.push(pending);
  }

  /** Throws the first error that the device has reported since the last call. */
  async #settle(): Promise<void> {
    const pending = this.#pending;
    if (pending.length === 0) return;
    this.#pending = [];
    await this.#orLost(Promise.all(pending));
  }

  #orLost<T>(work: Promise<T>): Promise<T> {
    return awaitPatiently(Promise.race([work, this.#lost]));
  }

  #poisonArena(): void {
    const poison = new Uint8Array(2 ** 20).fill(0xff);
    for (const page of this.memory.pages) {
      for (let start = 0; start < page.size; start += poison.length) {
        this.device.queue.writeBuffer(page, start, poison, 0, Math.min(poison.length, page.size - start));
      }
    }
  }
}

class WebGpuExecutable implements Executable {
  readonly #engine: WebGpuEngine;
  readonly #list: DispatchList;

  constructor(engine: WebGpuEngine, list: DispatchList) {
    this.#engine = engine;
    this.#list = list;
  }

  get program() {
    return this.#list.program;
  }

  get plan() {
    return this.#list.plan;
  }

  run(reads: readonly Read[] = [], reached?: (mark: number) => void, times = 1): Promise<void> {
    return this.#engine.execute(this, this.#list, reads, reached, times);
  }

  profile(): Promise<KernelTime[]> {
    return this.#engine.executeProfiled(this, this.#list);
  }

  dispose(): void {
    this.#list.dispose();
  }

  placeOf(tensor: Tensor) {
    const known = this.program.outputs.has(tensor) || this.program.assignments.has(tensor);
    return known ? this.#list.placeOf(tensor) : undefined;
  }
}
