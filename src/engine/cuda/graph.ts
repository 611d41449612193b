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
import { type LaunchAttribute, launchConfig } from './launchConfig.ts';
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
    } catch (error) {
      driver.status('cuStreamEndCapture', stream.handle, place); // fails too, and knows less
      throw error;
    }
    driver.call('cuStreamEndCapture', stream.handle, place);
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

  #start(launch: Launch, index: number): void {
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
    const found = kernels.load(kernel, launch.shared ?? 0);
    const config = launchConfig(launch, stream.handle, this.#attributeOf(launch), koffi);
    const status = driver.statusHolding(
      [values, config.attribute],
      ...(['cuLaunchKernelEx', config.bytes, found, parameters, null] as const),
    );
    driver.check('cuLaunchKernelEx', status);
  }

  #attributeOf({ grid: [x, y, z], isPersistent }: Launch): LaunchAttribute | undefined {
    if (isPersistent) return 'cooperative';
    return this.#host.overlaps && x * y * z <= maxOverlapping ? 'overlapping' : undefined;
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

/** Larger grids run for longer than a launch takes, and their first blocks would be in the way of the last ones before. */
const maxOverlapping = 2048;

/** Other threads of the process may use the driver meanwhile. */
const threadLocal = 1;
