/**
 * A program on a card: its steps are recorded once into CUDA graphs, one for each stretch between two marks. Launching a
 * graph is one call, however many kernels it has, and the card starts them one after the other by itself.
 */
import { isProduct, type Launch, type Product, type Step } from '../../kernels/cuda/launch.ts';
import type { Tensor } from '../../program/tensor.ts';
import type { CublasLt } from './cublasLt.ts';
import type { DriverLibrary } from './driver.ts';
import { type AssembledKernel, assembleKernel } from './kernelSource.ts';
import type { Kernels } from './kernels.ts';
import type { Koffi } from './library.ts';
import type { DeviceMemory } from './memory.ts';
import type { PlannedSteps } from './steps.ts';
import type { Stream } from './stream.ts';

/** What a graph needs of its engine. */
export interface GraphHost {
  readonly koffi: Koffi;
  readonly driver: DriverLibrary;
  readonly memory: DeviceMemory;
  readonly kernels: Kernels;
  readonly stream: Stream;
  /** Opened with the first product. */
  readonly products: () => CublasLt;
  /** cuBLASLt's workspace, and a zero, in device memory. */
  readonly workspace: bigint;
  readonly zero: bigint;
  /** Whether a kernel can begin before the one before it has ended. */
  readonly overlaps: boolean;
}

export class GraphProgram {
  readonly planned: PlannedSteps;
  readonly #host: GraphHost;
  readonly #assembled: readonly (AssembledKernel | undefined)[];
  #graphs: bigint[] = [];
  /** The state of the memory for which graphs were made. */
  #generation = -1;

  constructor(host: GraphHost, planned: PlannedSteps) {
    this.#host = host;
    this.planned = planned;
    this.#assembled = planned.steps.map((step) => (isProduct(step) ? undefined : assembleKernel(step)));
  }

  /** Number of graphs: one more than marks. */
  get length(): number {
    return this.planned.marks.length + 1;
  }

  /** Compiles kernels and records the graphs, unless they are there and addresses are the same. */
  prepare(): void {
    const { generation } = this.#host.memory;
    if (this.#generation === generation) return;
    this.#drop();
    const { steps, marks } = this.planned;
    steps.forEach((step, index) => this.#load(step, index));
    const ends = [...marks, steps.length];
    this.#graphs = ends.map((end, index) => this.#record(index === 0 ? 0 : ends[index - 1]!, end));
    this.#generation = generation;
  }

  launch(graph: number): void {
    this.#host.driver.call('cuGraphLaunch', this.#graphs[graph], this.#host.stream.handle);
  }

  /** The steps by themselves, for measuring. */
  pieces(): { readonly name: string; run(): void }[] {
    return this.planned.steps.map((step, index) => ({
      name: isProduct(step) ? step.product : step.kernel,
      run: () => this.#enqueue(step, index),
    }));
  }

  dispose(): void {
    this.#drop();
  }

  placeOf(tensor: Tensor): bigint {
    const { program, plan } = this.planned;
    return this.#host.memory.placeOf(program.assignments.get(tensor) ?? tensor, plan);
  }

  #drop(): void {
    for (const graph of this.#graphs) this.#host.driver.status('cuGraphExecDestroy', graph);
    this.#graphs = [];
    this.#generation = -1;
  }

  #load(step: Step, index: number): bigint | undefined {
    if (isProduct(step)) {
      this.#host.products().prepare(step);
      return undefined;
    }
    return this.#host.kernels.load(this.#assembled[index]!, step.shared ?? 0);
  }

  #record(begin: number, end: number): bigint {
    const { driver, stream } = this.#host;
    driver.call('cuStreamBeginCapture_v2', stream.handle, threadLocal);
    const place = new BigUint64Array(1);
    try {
      for (let index = begin; index < end; index++) this.#enqueue(this.planned.steps[index]!, index);
    } finally {
      driver.call('cuStreamEndCapture', stream.handle, place);
    }
    const graph = place[0]!;
    try {
      return driver.make('cuGraphInstantiateWithFlags', graph, 0);
    } finally {
      driver.call('cuGraphDestroy', graph);
    }
  }

  #enqueue(step: Step, index: number): void {
    if (isProduct(step)) this.#multiply(step);
    else this.#start(step, index);
  }

  #start({ grid, block, shared = 0, beginsEarly, isPersistent }: Launch, index: number): void {
    const { driver, kernels, stream, koffi } = this.#host;
    const kernel = this.#assembled[index]!;
    const values = BigUint64Array.from(kernel.arguments.flat(), (value) => {
      if (value === null) return 0n;
      return 'bits' in value ? BigInt(value.bits) : this.placeOf(value);
    });
    let place = koffi.address(values);
    const pointers = BigUint64Array.from(kernel.arguments, (words) => {
      const at = place;
      place += BigInt(8 * words.length);
      return at;
    });
    const parameters = values.length ? pointers : null;
    const found = kernels.load(kernel, shared);
    if (isPersistent || (beginsEarly && this.#host.overlaps)) {
      const attribute = launchAttribute(isPersistent ? 'cooperative' : 'overlapping');
      const config = launchConfig(grid, block, shared, stream.handle, koffi.address(attribute));
      driver.call('cuLaunchKernelEx', config, found, parameters, null);
    } else {
      driver.call('cuLaunchKernel', found, ...grid, block, 1, 1, shared, stream.handle, parameters, null);
    }
  }

  #multiply(product: Product): void {
    const { a, b, y, to, alpha } = product;
    const { products, workspace, zero, stream } = this.#host;
    const at = ({ tensor, first = 0 }: Product['a']) =>
      this.placeOf(tensor) + BigInt((first * tensor.bytes) / tensor.size);
    const factor = alpha && { factor: this.placeOf(alpha), zero };
    const addresses = {
      ...{ a: at(a), b: at(b), y: this.placeOf(y) },
      ...{ to: to ? this.placeOf(to) : 0n, alpha: factor },
    };
    const prepared = products().prepare(product);
    products().launch(prepared, addresses, y.dtype === 'i32', workspace, stream.handle);
  }
}

/**
 * The driver's CUlaunchAttribute. Overlapping: the kernel may begin before the one before it in the stream has ended, and
 * waits for it itself. Cooperative: all its blocks run at the same time, or the driver refuses.
 */
function launchAttribute(kind: keyof typeof launchAttributes): Uint32Array {
  const words = new Uint32Array(72 / 4);
  words.set([launchAttributes[kind], 0, 1]);
  return words;
}

const launchAttributes = { cooperative: 2, overlapping: 6 } as const;

/** The driver's CUlaunchConfig with one attribute. */
function launchConfig(
  grid: Launch['grid'],
  block: number,
  shared: number,
  stream: bigint,
  attribute: bigint,
): DataView {
  const config = new DataView(new ArrayBuffer(56));
  [...grid, block, 1, 1, shared].forEach((value, index) => {
    config.setUint32(4 * index, value, true);
  });
  config.setBigUint64(32, stream, true);
  config.setBigUint64(40, attribute, true);
  config.setUint32(48, 1, true);
  return config;
}

/** Other threads of the process may use the driver meanwhile. */
const threadLocal = 1;
