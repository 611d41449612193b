/**
 * A program on a card: its steps are recorded once into CUDA graphs, one for each part between two marks. Launching a
 * graph is one call, however many kernels it has, and the card starts them one after the other by itself.
 */
import { isProduct, type Launch, type Product, type Step } from '../../kernels/cuda/launch.ts';
import type { Tensor } from '../../program/tensor.ts';
import type { CublasLt } from './cublasLt.ts';
import type { DriverLibrary } from './driver.ts';
import { type AssembledKernel, assembleKernel } from './kernelSource.ts';
import type { Kernels } from './kernels.ts';
import type { LaunchAttribute } from './launchConfig.ts';
import type { Koffi } from './library.ts';
import type { DeviceMemory } from './memory.ts';
import { starter } from './starter.ts';
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
  /** What starts each step. */
  #starters: readonly (() => void)[] = [];
  /** The state of the memory for which graphs were made. */
  #generation = -1;

  constructor(host: GraphHost, planned: PlannedSteps) {
    this.#host = host;
    this.planned = planned;
    this.#assembled = planned.steps.map((step) => (isProduct(step) ? undefined : assembleKernel(step)));
  }

  /** Number of parts: one more than marks. */
  get length(): number {
    return this.planned.marks.length + 1;
  }

  /** Compiles kernels and records graphs, unless they are there and addresses are the same. */
  prepare(): void {
    const { generation } = this.#host.memory;
    if (this.#generation === generation) return;
    this.#drop();
    const { steps, marks } = this.planned;
    this.#starters = steps.map((step, index) => this.#starterOf(step, index));
    const ends = [...marks, steps.length];
    for (const [index, end] of ends.entries())
      this.#graphs.push(this.#record(this.#starters.slice(index === 0 ? 0 : ends[index - 1]!, end)));
    this.#generation = generation;
  }

  launch(part: number): void {
    this.#host.driver.call('cuGraphLaunch', this.#graphs[part], this.#host.stream.handle);
  }

  /** The steps by themselves, for measuring. */
  pieces(): { readonly name: string; run(): void }[] {
    return this.planned.steps.map((step, index) => ({
      name: isProduct(step) ? step.product : step.kernel,
      run: this.#starters[index]!,
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

  /** One launch for all the steps. */
  #record(starters: readonly (() => void)[]): bigint {
    const { driver, stream } = this.#host;
    driver.call('cuStreamBeginCapture_v2', stream.handle, threadLocal);
    const place = new BigUint64Array(1);
    try {
      for (const start of starters) start();
    } catch (error) {
      driver.status('cuStreamEndCapture', stream.handle, place); // fails too, and knows less
      throw error;
    }
    driver.call('cuStreamEndCapture', stream.handle, place);
    const recorded = place[0]!;
    try {
      return driver.make('cuGraphInstantiateWithFlags', recorded, 0);
    } finally {
      driver.call('cuGraphDestroy', recorded);
    }
  }

  #starterOf(step: Step, index: number): () => void {
    if (isProduct(step)) {
      this.#host.products().prepare(step);
      return () => this.#multiply(step);
    }
    const { koffi, driver, stream, kernels } = this.#host;
    const kernel = this.#assembled[index]!;
    const words = kernel.arguments.map((argument) =>
      argument.map((word) => {
        if (word === null) return 0n;
        return 'bits' in word ? BigInt(word.bits) : this.placeOf(word);
      }),
    );
    const found = kernels.load(kernel, step.shared ?? 0);
    return starter({ koffi, driver, stream }, found, words, step, this.#attributeOf(step, index));
  }

  #attributeOf({ grid: [x, y, z], isPersistent }: Launch, index: number): LaunchAttribute | undefined {
    if (isPersistent) return 'cooperative';
    // What other programs write, kernels may read before they wait: the first of a part begins after all of them.
    const isFirst = index === 0 || this.planned.marks.includes(index);
    return this.#host.overlaps && !isFirst && x * y * z <= maxOverlapping ? 'overlapping' : undefined;
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
