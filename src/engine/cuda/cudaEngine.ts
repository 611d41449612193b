/**
 * The CUDA engine: kernels in CUDA C++, compiled when they are first used, and NVIDIA's own dense products. A program
 * becomes CUDA graphs, made once, or a few launches. See docs/cuda.md.
 */
import type { CudaFeatures } from '../../kernels/cuda/launch.ts';
import type { CudaLowering } from '../../kernels/cuda/lowering.ts';
import type { Program } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import type { Collectives, Peers } from '../collectives.ts';
import type { Engine, Executable, KernelTime, MemoryBound, Read } from '../engine.ts';
import type { Lowerings } from '../lowerings.ts';
import { CublasLt, workspaceBytes } from './cublasLt.ts';
import { type OpenDriver, openDriver } from './driver.ts';
import { remedy } from './errors.ts';
import { fuse } from './fused/fuse.ts';
import { GraphProgram } from './graph.ts';
import { Kernels } from './kernels.ts';
import { findLibrary } from './libraries.ts';
import { cudaLowerings } from './lowerings.ts';
import { DeviceMemory } from './memory.ts';
import { loadNccl, Nccl } from './nccl.ts';
import { energyCounter, openNvml } from './nvml.ts';
import { Nvrtc } from './nvrtc.ts';
import { planSteps } from './steps.ts';
import { Stream } from './stream.ts';
import { toHostKernel } from './toHost.cuda.ts';

export interface CudaOptions {
  /** Number of the card, in the order in which the driver lists them. Default 0. */
  readonly device?: number | undefined;
  /** Instead of `device`: number of this process among those of the machine that share its cards. */
  readonly process?: number | undefined;
  /** Most bytes of GPU memory to use. */
  readonly memoryLimit?: number | undefined;
  /** Fill temporaries with NaN before each run, to find kernels that leave elements unwritten (for tests). */
  readonly poison?: boolean | undefined;
  /** How programs are rewritten before they are run; default: fusing. */
  readonly passes?: readonly ((program: Program, features: CudaFeatures) => Program)[] | undefined;
  /** What to run for each op; default: the kernels of all ops. */
  readonly lowerings?: Lowerings<CudaLowering> | undefined;
  /** Multiply-adds from which products take bf16 operands; Infinity: never. */
  readonly minHalfWork?: number | undefined;
}

/** Below this many multiply-adds the conversions cost more than f32 products do. */
const minHalfWork = 2 ** 24;

export class CudaEngine implements Engine {
  readonly name = 'cuda';
  readonly samplesAhead = 8;
  readonly samplesRows = true;
  readonly longestStep = 2048;
  readonly description: string;
  readonly features: CudaFeatures;
  readonly #open: OpenDriver;
  readonly #options: CudaOptions;
  readonly #memory: DeviceMemory;
  readonly #kernels: Kernels;
  readonly #stream: Stream;
  readonly #workspace: bigint;
  readonly #zero: bigint;
  readonly #programs = new Set<GraphProgram>();
  #products: CublasLt | undefined;
  #energy: (() => number | undefined) | undefined;
  #collectives: Nccl | undefined;
  #lastRun: GraphProgram | undefined;
  #isDisposed = false;

  private constructor(open: OpenDriver, options: CudaOptions) {
    const { driver, koffi, card, cudaMajor } = open;
    this.#open = open;
    this.#options = options;
    this.description = `${card.name}, ${(card.memoryBytes / 2 ** 30).toFixed(0)} GiB, compute capability ${card.capability / 10}`;
    const { processors, sharedBytes, parameterBytes } = card;
    this.features = {
      minHalfWork: options.minHalfWork ?? minHalfWork,
      ...{ processors, sharedBytes, parameterBytes },
    };
    this.#memory = new DeviceMemory(driver, options.memoryLimit ?? Number.POSITIVE_INFINITY);
    this.#kernels = new Kernels(driver, () => Nvrtc.open(koffi, cudaMajor), card.capability);
    this.#stream = new Stream(driver, koffi, () => this.#kernels.load(toHostKernel, 0), this.#overlaps);
    this.#workspace = this.#memory.reserve(workspaceBytes + 256, 'the workspace of products').address;
    this.#zero = this.#workspace + BigInt(workspaceBytes);
    this.#stream.fill(this.#zero, 0, 256);
  }

  /** @throws NoCudaError if there is no card, driver or compiler here */
  static async create(options: CudaOptions = {}): Promise<CudaEngine> {
    return new CudaEngine(await openDriver(options), options);
  }

  /** Whether a kernel can begin before the one before it has ended. */
  get #overlaps(): boolean {
    return this.#open.card.capability >= 90 && this.#open.cudaMajor >= 13;
  }

  get usedBytes(): number {
    return this.#memory.usedBytes;
  }

  usedJoules(): number | undefined {
    this.#energy ??= this.#openCounter() ?? (() => undefined);
    return this.#energy();
  }

  #openCounter(): (() => number) | undefined {
    const { koffi, driver, device } = this.#open;
    const nvml = openNvml(koffi);
    return nvml && energyCounter(nvml, driver, device);
  }

  memoryBounds(): MemoryBound[] {
    const what = 'which the GPU has free';
    return [{ bytes: this.#memory.freeBytes, what, remedy: `use a smaller model, or ${remedy}` }];
  }

  allocate(tensor: Tensor): void {
    if (tensor.kind === 'temporary')
      throw new Error(`allocate: ${tensor} is a temporary, which programs place`);
    const made = this.#memory.allocate(tensor);
    if (made) this.#stream.fill(made.address, 0, made.bytes);
  }

  free(tensor: Tensor): void {
    this.#memory.free(tensor);
  }

  write(tensor: Tensor, bytes: Uint8Array, byteOffset = 0): void {
    if (byteOffset + bytes.length > tensor.bytes) {
      throw new RangeError(
        `write: ${tensor} has ${tensor.bytes} bytes, found ${bytes.length} at ${byteOffset}`,
      );
    }
    this.allocate(tensor);
    this.#stream.write(this.#memory.addressOf(tensor) + BigInt(byteOffset), bytes);
  }

  async read(tensor: Tensor, target: Uint8Array = new Uint8Array(tensor.bytes)): Promise<Uint8Array> {
    await this.#stream.read([{ address: this.#addressOf(tensor), target }]);
    return target;
  }

  async connect(peers: Peers): Promise<Collectives> {
    const { koffi, driver, cudaMajor } = this.#open;
    const [path] = findLibrary('nccl', cudaMajor);
    const addressOf = (tensor: Tensor) => this.#addressOf(tensor);
    const host = { driver, nccl: loadNccl(koffi, path!), stream: this.#stream.handle, addressOf };
    this.#collectives ??= await Nccl.join(host, peers);
    return this.#collectives;
  }

  load(recorded: Program): Executable {
    const { passes = [fuse], lowerings = cudaLowerings } = this.#options;
    const program = passes.reduce((rewritten, pass) => pass(rewritten, this.features), recorded);
    const planned = planSteps(program, this.features, lowerings);
    for (const tensor of program.persistent()) {
      if (!planned.plan.offsets.has(tensor.storage)) this.allocate(tensor);
    }
    this.#makeRoom(planned);
    const graphs = new GraphProgram(
      {
        ...{ koffi: this.#open.koffi, driver: this.#open.driver, memory: this.#memory },
        ...{ kernels: this.#kernels, stream: this.#stream, workspace: this.#workspace, zero: this.#zero },
        products: () => this.#openProducts(),
        overlaps: this.#overlaps,
      },
      planned,
    );
    this.#programs.add(graphs);
    return {
      program,
      plan: planned.plan,
      run: (reads, reached, times) => this.#run(graphs, reads, reached, times),
      profile: () => this.#profile(graphs),
      dispose: () => {
        graphs.dispose();
        this.#programs.delete(graphs);
      },
    };
  }

  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    const { driver, device } = this.#open;
    this.#stream.dispose();
    this.#collectives?.dispose();
    for (const program of this.#programs) program.dispose();
    this.#memory.dispose();
    driver.status('cuMemFree_v2', this.#workspace);
    this.#products?.dispose();
    this.#kernels.dispose();
    driver.status('cuDevicePrimaryCtxRelease_v2', device);
  }

  #openProducts(): CublasLt {
    this.#products ??= new CublasLt(this.#open.koffi, this.#open.cudaMajor);
    return this.#products;
  }

  async #run(
    graphs: GraphProgram,
    reads: readonly Read[] = [],
    reached?: (mark: number) => void,
    times = 1,
  ): Promise<void> {
    this.#prepare(graphs);
    for (let time = 0; time < times; time++) {
      if (this.#options.poison) this.#poisonArena();
      for (let part = 0; part < graphs.length; part++) {
        graphs.launch(part);
        if (time === times - 1 && part < graphs.length - 1) reached?.(part);
      }
    }
    if (reads.length === 0) return this.#stream.settle();
    return this.#stream.read(
      reads.map(({ tensor, target }) => ({ address: this.#addressOf(tensor), target })),
    );
  }

  async #profile(graphs: GraphProgram): Promise<KernelTime[]> {
    this.#prepare(graphs);
    return this.#stream.time(graphs.pieces());
  }

  #prepare(graphs: GraphProgram): void {
    this.#makeRoom(graphs.planned);
    graphs.prepare();
    this.#lastRun = graphs;
  }

  /**
   * Room for a program's temporaries. If there is too little, the earlier room is gone as well, and the next run of any
   * program makes its own.
   */
  #makeRoom({ plan, program }: GraphProgram['planned']): void {
    if (plan.peakBytes <= this.#memory.arena.bytes) return;
    this.#lastRun = undefined;
    this.#memory.growArena(plan.peakBytes, program.name);
  }

  /** Where a tensor lies that may be read now. */
  #addressOf(tensor: Tensor): bigint {
    if (tensor.kind !== 'temporary') return this.#lastRun?.placeOf(tensor) ?? this.#memory.addressOf(tensor);
    const program = this.#lastRun?.planned.program;
    if (!program?.outputs.has(tensor) && !program?.assignments.has(tensor)) {
      throw new Error(`read: ${tensor} is not an output of the program that ran last`);
    }
    return this.#lastRun!.placeOf(tensor);
  }

  #poisonArena(): void {
    this.#stream.fill(this.#memory.arena.address, 0xff, this.#memory.arena.bytes);
  }
}
