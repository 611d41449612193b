/**
 * The CPU engine: WebAssembly kernels on worker threads over shared memory. A program becomes a list of
 * kernel calls in that memory, which every thread walks by itself. With `threads: 0`, or where memory cannot
 * be shared, the list runs on the calling thread.
 */
import { availableCores, fusesVectors, letEventsIn, sharesMemory } from '#platform';
import { type KernelCall, type KernelWord, wordsOf } from '../../kernels/cpu/kernelCall.ts';
import type { CpuLowering } from '../../kernels/cpu/lowering.ts';
import type { Call } from '../../program/op.ts';
import type { MemoryPlan } from '../../program/plan.ts';
import type { Program } from '../../program/record.ts';
import { Tensor } from '../../program/tensor.ts';
import type { Engine, Executable, KernelTime, Read } from '../engine.ts';
import type { Lowerings } from '../lowerings.ts';
import { Heap } from './heap.ts';
import { loadKernelModule } from './kernelFiles.ts';
import { instantiate, kernelNames, slotOf } from './module.js';
import { planOnCpu } from './planOnCpu.ts';
import { WorkerPool } from './pool.ts';
import type { KernelExports } from './threadSetup.ts';

export interface CpuOptions {
  /** Worker threads; 0 runs on the calling thread. Default: the machine's cores, at most 16. */
  readonly threads?: number | undefined;
  /** Maximum memory in bytes; WebAssembly's own limit is 4 GiB. */
  readonly memoryLimit?: number | undefined;
  /** Fill temporaries with NaN before each run, to find kernels that leave elements unwritten (for tests). */
  readonly poison?: boolean | undefined;
  /** Use relaxed SIMD; default: where the machine has it. */
  readonly relaxedSimd?: boolean | undefined;
  /**
   * Use kernels written for a JavaScript engine that fuses pairs of vectors to 256 bits; elsewhere they are slower
   * than the plain ones. Default: whether this process was started with V8's flag.
   */
  readonly fusesVectors?: boolean | undefined;
  /**
   * Use kernels written for dot products of whole bytes, where the machine has them (VNNI) and vectors are not fused.
   * They read prompts faster still. Default: true.
   */
  readonly byteDots?: boolean | undefined;
  /** Table of lowerings; default: that of all ops. */
  readonly lowerings?: Lowerings<CpuLowering> | undefined;
}

const maxPages = 65536;
/** One kernel of a list: its slot and the address of its arguments. */
const entryBytes = 8;
/** Words of the control block, in the order of `Control` in run.as.ts. */
const word = { job: 0, list: 1, count: 2, profile: 5 } as const;

export class CpuEngine implements Engine {
  readonly name = 'cpu';
  readonly longestStep = 256;
  readonly samplesAhead = 0;
  readonly description: string;
  readonly #heap: Heap;
  readonly #control: number;
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
    slots: ReadonlyMap<string, number>;
    inline: KernelExports | undefined;
    pool: WorkerPool | undefined;
    poison: boolean;
    lowerings: Lowerings<CpuLowering> | undefined;
    description: string;
  }) {
    this.#heap = parts.heap;
    this.#control = parts.control;
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
    lowerings,
  }: CpuOptions = {}): Promise<CpuEngine> {
    const count = sharesMemory() ? (threads ?? Math.min(await availableCores(), 16)) : 0;
    if (!Number.isInteger(count) || count < 0 || count > 256) {
      throw new RangeError(`threads: expected an integer from 0 to 256, found ${threads}`);
    }
    const shared = count > 0;
    const { module, features } = await loadKernelModule(shared, relaxedSimd);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: maxPages, shared });
    const heap = new Heap(
      memory,
      Math.min(memoryLimit ?? Number.POSITIVE_INFINITY, maxPages * 65536 - 65536),
    );
    const control = heap.allocate(64, 'the control block');
    heap.bytes(control, 64).fill(0);
    const kernels = kernelNames(module);
    const local = instantiate(module, memory);
    const workspaces = Array.from({ length: Math.max(count, 1) }, () =>
      heap.allocate(local.workspaceBytes(), "a thread's workspace"),
    );
    local.setWorkspace(workspaces[0]!);
    local.setFusesVectors(wide);
    const byteDots = wantsByteDots && !wide && local.hasByteDots() === 1;
    local.setByteDots(byteDots);
    const setups = workspaces.map((workspace, thread) => ({
      ...{ module, memory, kernels, control, workspace, thread },
      threads: count,
      fusesVectors: wide,
      byteDots,
    }));
    const dots = byteDots ? ', dots of bytes' : wide ? ' in pairs' : '';
    return new CpuEngine({
      ...{ heap, control, poison, lowerings },
      slots: new Map(kernels.map((name, index) => [name, slotOf(index)])),
      inline: shared ? undefined : local,
      pool: shared ? await WorkerPool.start(setups) : undefined,
      description: `WebAssembly, ${features}${dots}, ${shared ? `${count} thread${count > 1 ? 's' : ''}` : 'the calling thread'}`,
    });
  }

  /** Bytes of WebAssembly memory in use. */
  get usedBytes(): number {
    return this.#heap.usedBytes;
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
    const { kernels, plan } = planOnCpu(program, this.#lowerings);
    if (plan.peakBytes > this.#arena.bytes) this.#growArena(plan.peakBytes, program.name);
    return new CpuExecutable(this, program, plan, kernels);
  }

  async dispose(): Promise<void> {
    this.#pool?.terminate();
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

  /** For executables: writes a kernel list to memory and returns its address. */
  encode(calls: readonly KernelCall[], place: (tensor: Tensor) => number, at: number | undefined): number {
    const words = calls.map(wordsOf);
    const bytes = entryBytes * calls.length + 4 * words.flat().length;
    const list = at ?? this.#heap.allocate(bytes, 'a kernel list');
    const view = new DataView(this.#heap.memory.buffer, list, bytes);
    let argument = entryBytes * calls.length;
    calls.forEach(({ kernel }, index) => {
      const slot = this.#slots.get(kernel);
      if (slot === undefined)
        throw new Error(`the kernel module has no kernel ${kernel}: run "npm run build"`);
      view.setUint32(entryBytes * index, slot, true);
      view.setUint32(entryBytes * index + 4, list + argument, true);
      for (const word of words[index] ?? []) {
        writeWord(view, argument, word, place);
        argument += 4;
      }
    });
    return list;
  }

  /** For executables: called before a run. */
  begin(executable: CpuExecutable): void {
    this.#lastRun = executable;
    if (this.#poison) this.#heap.bytes(this.#arena.start, this.#arena.bytes).fill(0xff);
  }

  /** For executables: runs `count` kernels of an encoded list. */
  async execute(list: number, count: number, profile = 0): Promise<void> {
    if (count === 0) return;
    const control = new Int32Array(this.#heap.memory.buffer, this.#control, 16);
    control[word.list] = list;
    control[word.count] = count;
    control[word.profile] = profile;
    if (this.#inline) {
      this.#inline.runList(this.#control, 0, 1);
      return letEventsIn();
    }
    await this.#pool!.run(() => {
      Atomics.add(control, word.job, 1);
      Atomics.notify(control, word.job);
    });
  }

  /** For executables: runs with a clock reading after every kernel. */
  async executeProfiled(
    executable: CpuExecutable,
    list: number,
    calls: readonly KernelCall[],
  ): Promise<KernelTime[]> {
    const bytes = 8 * (calls.length + 1);
    const address = this.#heap.allocate(bytes, 'a profile');
    this.begin(executable);
    await this.execute(list, calls.length, address);
    const times = new Float64Array(this.#heap.memory.buffer, address, calls.length + 1).slice();
    this.#heap.free(address);
    return calls.map(({ kernel }, index) => ({ kernel, milliseconds: times[index + 1]! - times[index]! }));
  }

  #address(tensor: Tensor): number {
    const address = this.#addresses.get(tensor.storage);
    if (address === undefined) throw new Error(`${tensor} has no memory on this engine: allocate it first`);
    return address + tensor.byteOffset;
  }

  #growArena(bytes: number, purpose: string): void {
    if (this.#arena.bytes) this.#heap.free(this.#arena.start);
    this.#arena = { start: 0, bytes: 0 };
    this.#lastRun = undefined;
    this.#arena = { start: this.#heap.allocate(bytes, `the temporaries of ${purpose}`), bytes };
  }
}

class CpuExecutable implements Executable {
  readonly program: Program;
  readonly plan: MemoryPlan;
  readonly #engine: CpuEngine;
  readonly #calls: readonly KernelCall[];
  /** Kernels before each mark. */
  readonly #marks: readonly number[];
  #list: number | undefined;
  #arenaStart = -1;

  constructor(
    engine: CpuEngine,
    program: Program,
    plan: MemoryPlan,
    kernels: ReadonlyMap<Call, readonly KernelCall[]>,
  ) {
    this.#engine = engine;
    this.program = program;
    this.plan = plan;
    const lists = program.calls.map((call) => kernels.get(call) ?? []);
    this.#calls = lists.flat();
    this.#marks = program.marks.map((line) => lists.slice(0, line).flat().length);
  }

  async run(reads: readonly Read[] = [], reached?: (mark: number) => void, times = 1): Promise<void> {
    for (let earlier = 1; earlier < times; earlier++) await this.run();
    const list = this.#encoded();
    this.#engine.begin(this);
    let done = 0;
    const runTo = async (end: number) => {
      await this.#engine.execute(list + entryBytes * done, end - done);
      done = end;
    };
    for (const [mark, end] of (reached ? this.#marks : []).entries()) {
      await runTo(end);
      reached!(mark);
    }
    await runTo(this.#calls.length);
    for (const { tensor, target } of reads) await this.#engine.read(tensor, target);
  }

  async profile(): Promise<KernelTime[]> {
    return this.#engine.executeProfiled(this, this.#encoded(), this.#calls);
  }

  addressOf(tensor: Tensor): number | undefined {
    const known = this.program.outputs.has(tensor) || this.program.assignments.has(tensor);
    return known ? this.#engine.place(tensor, this.plan, this.program) : undefined;
  }

  #encoded(): number {
    if (this.#list === undefined || this.#arenaStart !== this.#engine.arenaStart) {
      const place = (tensor: Tensor) => this.#engine.place(tensor, this.plan, this.program);
      this.#list = this.#engine.encode(this.#calls, place, this.#list);
      this.#arenaStart = this.#engine.arenaStart;
    }
    return this.#list;
  }
}

function writeWord(
  view: DataView,
  at: number,
  { kind, value }: KernelWord,
  place: (tensor: Tensor) => number,
): void {
  if (value instanceof Tensor) view.setUint32(at, place(value), true);
  else if (kind === 'f32') view.setFloat32(at, value ?? 0, true);
  else view.setInt32(at, value ?? 0, true);
}
