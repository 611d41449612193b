/**
 * The CPU engine: WebAssembly kernels on worker threads over shared memory. A program becomes a list of phases in that
 * memory, whose pieces the threads claim. With `threads: 0`, or where memory cannot be shared, the list runs on the
 * calling thread.
 */
import {
  availableCores,
  availableMemory,
  findNative,
  fusesVectors,
  letEventsIn,
  sharesMemory,
} from '#platform';
import type { CpuLowering } from '../../kernels/cpu/lowering.ts';
import type { MemoryPlan } from '../../program/plan.ts';
import type { Program } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import type { Engine, Executable, KernelTime, MemoryBound, Read } from '../engine.ts';
import type { Lowerings } from '../lowerings.ts';
import { control } from './control.ts';
import { Heap } from './heap.ts';
import { loadKernelModule } from './kernelFiles.ts';
import { encodePhases, listBytes, phaseBytes } from './kernelList.ts';
import { instantiate, kernelNames, slotOf } from './module.js';
import { type Cut, type Phase, type PlannedKernel, phasesOf, plannedKernels, worthAPiece } from './phases.ts';
import { type CpuProgram, planOnCpu } from './planOnCpu.ts';
import { WorkerPool } from './pool.ts';
import type { KernelExports } from './threadSetup.ts';

export interface CpuOptions {
  /** Worker threads; 0 runs on the calling thread. Default: see `defaultThreads`. */
  readonly threads?: number | undefined;
  /** Maximum memory in bytes; WebAssembly's own limit is 4 GiB. */
  readonly memoryLimit?: number | undefined;
  /** Fill temporaries with NaN before each run, to find kernels that leave elements unwritten (for tests). */
  readonly poison?: boolean | undefined;
  /** Use relaxed SIMD; default: where the machine has it. */
  readonly relaxedSimd?: boolean | undefined;
  /**
   * Use kernels written for a JavaScript engine that fuses pairs of vectors to 256 bits; elsewhere they are slower
   * than the plain ones. Default: whether V8 has its flag: see fusing.ts.
   */
  readonly fusesVectors?: boolean | undefined;
  /** Use kernels written for dot products of whole bytes, where the machine has them (VNNI). Default: true. */
  readonly byteDots?: boolean | undefined;
  /**
   * The variant of the native kernels, by its name; false: WebAssembly only. Default: the fastest that the processor
   * has, if a native library is there.
   */
  readonly native?: string | false | undefined;
  /** Min work of a piece in nanoseconds; a small one makes many pieces (for tests). */
  readonly pieceWork?: number | undefined;
  /** Table of lowerings; default: that of all ops. */
  readonly lowerings?: Lowerings<CpuLowering> | undefined;
}

const maxPages = 65536;

export class CpuEngine implements Engine {
  readonly name = 'cpu';
  readonly longestStep = 256;
  readonly samplesAhead = 0;
  readonly samplesRows = true;
  readonly description: string;
  readonly #heap: Heap;
  readonly #control: number;
  readonly #cut: Cut;
  readonly #slots: ReadonlyMap<string, number>;
  readonly #inline: KernelExports | undefined;
  readonly #pool: WorkerPool | undefined;
  readonly #addresses = new Map<Tensor, number>();
  readonly #poison: boolean;
  readonly #lowerings: Lowerings<CpuLowering> | undefined;
  /** Temporaries of the program that runs. */
  #arena = { start: 0, bytes: 0 };
  #lastRun: CpuExecutable | undefined;

  private constructor(parts: {
    heap: Heap;
    control: number;
    cut: Cut;
    slots: ReadonlyMap<string, number>;
    inline: KernelExports | undefined;
    pool: WorkerPool | undefined;
    poison: boolean;
    lowerings: Lowerings<CpuLowering> | undefined;
    description: string;
  }) {
    this.#heap = parts.heap;
    this.#control = parts.control;
    this.#cut = parts.cut;
    this.#slots = parts.slots;
    this.#inline = parts.inline;
    this.#pool = parts.pool;
    this.#poison = parts.poison;
    this.#lowerings = parts.lowerings;
    this.description = parts.description;
  }

  static async create({
    threads,
    memoryLimit,
    poison = false,
    relaxedSimd,
    fusesVectors: wide = fusesVectors(),
    byteDots: wantsByteDots = true,
    native: wantsNative,
    pieceWork = worthAPiece,
    lowerings,
  }: CpuOptions = {}): Promise<CpuEngine> {
    const cores = await availableCores();
    const count = sharesMemory() ? (threads ?? defaultThreads(cores)) : 0;
    if (!Number.isInteger(count) || count < 0 || count > 256) {
      throw new RangeError(`threads: expected an integer from 0 to 256, found ${threads}`);
    }
    const shared = count > 0;
    const { module, features, relaxed } = await loadKernelModule(shared, relaxedSimd);
    // Native kernels round once for a product and its sum, as relaxed SIMD does: mixed with plain SIMD, a row's bits
    // would depend on the kernel that computes it.
    const usesNative = shared && relaxed && wantsNative !== false;
    const native = usesNative ? await findNative(wantsNative) : undefined;
    const memory = new WebAssembly.Memory({ initial: 1, maximum: maxPages, shared });
    const heap = new Heap(
      memory,
      Math.min(memoryLimit ?? Number.POSITIVE_INFINITY, maxPages * 65536 - 65536),
    );
    const controlAt = heap.allocate(control.bytes, 'the control block');
    heap.bytes(controlAt, control.bytes).fill(0);
    const kernels = kernelNames(module);
    const { timeOrigin } = performance;
    const local = instantiate(module, memory, timeOrigin);
    const workspaces = Array.from({ length: Math.max(count, 1) }, () =>
      heap.allocate(local.workspaceBytes(), "a thread's workspace"),
    );
    local.setWorkspace(workspaces[0]!);
    local.setFusesVectors(wide);
    const byteDots = wantsByteDots && local.hasByteDots() === 1;
    local.setByteDots(byteDots);
    const setups = workspaces.map((workspace, thread) => ({
      ...{ module, memory, kernels, control: controlAt, workspace, timeOrigin },
      ...{ fusesVectors: wide, byteDots, native },
      ...{ thread, threads: count, takesAllCores: count >= cores },
    }));
    const dots = `${byteDots ? ', dots of bytes' : ''}${wide ? ', vectors fused' : ''}`;
    return new CpuEngine({
      ...{ heap, control: controlAt, poison, lowerings, cut: { threads: count, pieceWork } },
      slots: new Map(kernels.map((name, index) => [name, slotOf(index)])),
      inline: shared ? undefined : local,
      pool: shared ? await WorkerPool.start(setups) : undefined,
      description: `WebAssembly, ${features}${dots}, ${native ? `native ${native.variant}, ` : ''}${shared ? `${count} thread${count > 1 ? 's' : ''}` : 'the calling thread'}`,
    });
  }

  /** Bytes of WebAssembly memory in use. */
  get usedBytes(): number {
    return this.#heap.usedBytes;
  }

  memoryBounds(): MemoryBound[] {
    const machine = availableMemory();
    return [
      {
        bytes: this.#heap.freeBytes,
        what: 'which the CPU engine addresses',
        remedy: 'use a GPU (engine webgpu or cuda), a smaller model, or one with fewer bits a weight',
      },
      ...(machine === undefined
        ? []
        : [
            {
              bytes: machine,
              what: 'which this machine has available',
              remedy: 'close other programs, or use a smaller model or one with fewer bits a weight',
            },
          ]),
    ];
  }

  allocate(tensor: Tensor): void {
    if (tensor.kind === 'temporary')
      throw new Error(`allocate: ${tensor} is a temporary, which programs place`);
    const { storage } = tensor;
    if (this.#addresses.has(storage)) return;
    const address = this.#heap.allocate(storage.bytes, storage.name);
    this.#heap.bytes(address, storage.bytes).fill(0);
    this.#addresses.set(storage, address);
  }

  free(tensor: Tensor): void {
    this.#heap.free(this.#address(tensor.storage));
    this.#addresses.delete(tensor.storage);
  }

  write(tensor: Tensor, bytes: Uint8Array, byteOffset = 0): void {
    if (byteOffset + bytes.length > tensor.bytes) {
      throw new RangeError(
        `write: ${tensor} has ${tensor.bytes} bytes, found ${bytes.length} at ${byteOffset}`,
      );
    }
    this.allocate(tensor);
    this.view(tensor).set(bytes, byteOffset);
  }

  async read(tensor: Tensor, target: Uint8Array = new Uint8Array(tensor.bytes)): Promise<Uint8Array> {
    target.set(this.view(tensor));
    return target;
  }

  /** The tensor's memory itself, without a copy; valid until the next allocation or run. */
  view(tensor: Tensor): Uint8Array {
    const address = tensor.kind === 'temporary' ? this.#lastRun?.addressOf(tensor) : this.#address(tensor);
    if (address === undefined)
      throw new Error(`read: ${tensor} is not an output of the program that ran last`);
    return this.#heap.bytes(address, tensor.bytes);
  }

  load(program: Program): CpuExecutable {
    for (const tensor of program.persistent()) this.allocate(tensor);
    const planned = planOnCpu(program, this.#lowerings);
    this.makeRoom(planned.plan.peakBytes, program.name);
    return new CpuExecutable(this, program, planned);
  }

  async dispose(): Promise<void> {
    this.#pool?.terminate();
  }

  /**
   * For executables, too: room for a program's temporaries. If there is too little, the earlier room is gone as well, and
   * the next run of any program makes its own.
   */
  makeRoom(bytes: number, purpose: string): void {
    if (bytes <= this.#arena.bytes) return;
    if (this.#arena.bytes) this.#heap.free(this.#arena.start);
    this.#arena = { start: 0, bytes: 0 };
    this.#lastRun = undefined;
    this.#arena = { start: this.#heap.allocate(bytes, `the temporaries of ${purpose}`), bytes };
  }

  /** For executables: where a tensor lies now. */
  place(tensor: Tensor, plan: MemoryPlan, program: Program): number {
    const target = program.assignments.get(tensor) ?? tensor;
    return target.kind === 'temporary'
      ? this.#arena.start + plan.offsets.get(target)!
      : this.#address(target);
  }

  /** For executables: changes whenever temporaries move. */
  get arenaStart(): number {
    return this.#arena.start;
  }

  /** For executables: groups kernels into phases, as they lie in memory now. */
  phasesOf(kernels: readonly PlannedKernel[], place: (tensor: Tensor) => number): Phase[] {
    return phasesOf(kernels, this.#cut, place);
  }

  /** For executables: writes a list of phases to memory and returns its address. */
  encode(phases: readonly Phase[], place: (tensor: Tensor) => number, at?: number): number {
    const bytes = listBytes(phases);
    const list = at ?? this.#heap.allocate(bytes, 'a kernel list');
    encodePhases(phases, { memory: this.#heap.memory, list, bytes, slots: this.#slots, place });
    return list;
  }

  /** For executables: gives a list back. */
  release(list: number): void {
    this.#heap.free(list);
  }

  /** For executables: called before a run. */
  begin(executable: CpuExecutable): void {
    this.#lastRun = executable;
    if (this.#poison) this.#heap.bytes(this.#arena.start, this.#arena.bytes).fill(0xff);
  }

  /** For executables: runs `count` phases of an encoded list. */
  async execute(list: number, count: number, { wakes = 0, profile = 0 } = {}): Promise<void> {
    if (count === 0) return;
    const words = new Int32Array(this.#heap.memory.buffer, this.#control, control.bytes / 4);
    control.prepare(words, { list, count, profile });
    if (this.#inline) {
      this.#inline.advance(this.#control);
      return letEventsIn();
    }
    await this.#pool!.run(() => control.start(words, wakes));
  }

  /** For executables: runs with a clock reading after every phase. */
  async executeProfiled(
    executable: CpuExecutable,
    phases: readonly Phase[],
    place: (tensor: Tensor) => number,
  ): Promise<number[]> {
    const list = this.encode(phases, place);
    const address = this.#heap.allocate(8 * (phases.length + 1), 'a profile');
    this.begin(executable);
    await this.execute(list, phases.length, { wakes: this.#cut.threads, profile: address });
    const times = new Float64Array(this.#heap.memory.buffer, address, phases.length + 1).slice();
    this.#heap.free(address);
    this.release(list);
    return phases.map((_, index) => times[index + 1]! - times[index]!);
  }

  #address(tensor: Tensor): number {
    const address = this.#addresses.get(tensor.storage);
    if (address === undefined) throw new Error(`${tensor} has no memory on this engine: allocate it first`);
    return address + tensor.byteOffset;
  }
}

class CpuExecutable implements Executable {
  readonly program: Program;
  readonly plan: MemoryPlan;
  readonly #engine: CpuEngine;
  /** Kernels between two marks, which no phase spans. */
  readonly #stretches: readonly (readonly PlannedKernel[])[];
  #list: number | undefined;
  /** Phases before each mark, and all. */
  #ends: readonly number[] = [];
  #wakes = 0;
  #arenaStart = -1;

  constructor(engine: CpuEngine, program: Program, { kernels, plan }: CpuProgram) {
    this.#engine = engine;
    this.program = program;
    this.plan = plan;
    const planned = program.calls.map((call) => plannedKernels(call, kernels.get(call) ?? []));
    this.#stretches = [...program.marks, planned.length].map((end, index, ends) =>
      planned.slice(ends[index - 1] ?? 0, end).flat(),
    );
  }

  async run(reads: readonly Read[] = [], reached?: (mark: number) => void, times = 1): Promise<void> {
    for (let earlier = 1; earlier < times; earlier++) await this.run();
    const list = this.#encoded();
    this.#engine.begin(this);
    let done = 0;
    const runTo = async (end: number) => {
      await this.#engine.execute(list + phaseBytes * done, end - done, { wakes: this.#wakes });
      done = end;
    };
    const last = this.#ends.length - 1;
    for (const [mark, end] of (reached ? this.#ends.slice(0, last) : []).entries()) {
      await runTo(end);
      reached!(mark);
    }
    await runTo(this.#ends[last]!);
    for (const { tensor, target } of reads) await this.#engine.read(tensor, target);
  }

  async profile(): Promise<KernelTime[]> {
    this.#engine.makeRoom(this.plan.peakBytes, this.program.name);
    const kernels = this.#stretches.flat();
    // A phase for each kernel, so that each has a time of its own.
    const phases = kernels.flatMap((kernel) => this.#engine.phasesOf([kernel], this.#place));
    const times = await this.#engine.executeProfiled(this, phases, this.#place);
    return kernels.map(({ call }, index) => ({ kernel: call.kernel, milliseconds: times[index]! }));
  }

  dispose(): void {
    if (this.#list !== undefined) this.#engine.release(this.#list);
    this.#list = undefined;
  }

  /** The phases of a run, for measurements. */
  get phases(): readonly Phase[] {
    return this.#stretches.flatMap((kernels) => this.#engine.phasesOf(kernels, this.#place));
  }

  addressOf(tensor: Tensor): number | undefined {
    const known = this.program.outputs.has(tensor) || this.program.assignments.has(tensor);
    return known ? this.#place(tensor) : undefined;
  }

  readonly #place = (tensor: Tensor): number => this.#engine.place(tensor, this.plan, this.program);

  #encoded(): number {
    this.#engine.makeRoom(this.plan.peakBytes, this.program.name);
    if (this.#list === undefined || this.#arenaStart !== this.#engine.arenaStart) {
      const stretches = this.#stretches.map((kernels) => this.#engine.phasesOf(kernels, this.#place));
      const phases = stretches.flat();
      this.#list = this.#engine.encode(phases, this.#place, this.#list);
      this.#ends = stretches.map((_, index) => stretches.slice(0, index + 1).flat().length);
      this.#wakes = Math.max(0, ...phases.map(({ pieces }) => pieces - 1));
      this.#arenaStart = this.#engine.arenaStart;
    }
    return this.#list;
  }
}

/** All cores; of many, one is left to the thread that asks, and to the rest of the machine. */
function defaultThreads(cores: number): number {
  return Math.min(cores < 8 ? cores : cores - 1, 16);
}
