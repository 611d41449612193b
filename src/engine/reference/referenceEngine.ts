/**
 * The reference engine: every op by its plain formula, in float64, one array a tensor. Slow and exact: other engines
 * are tested against it, and finite differences check gradients on it.
 */
import { type Call, type Data, present } from '../../program/op.ts';
import { type MemoryPlan, planMemory } from '../../program/plan.ts';
import type { Program } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { bytesOf, type Engine, type Executable, type KernelTime, type Read } from '../engine.ts';

export class ReferenceEngine implements Engine {
  readonly name = 'reference';
  readonly description = 'plain formulas in float64';
  readonly longestStep = 256;
  readonly samplesAhead: number = 1;
  readonly samplesRows = true;
  readonly #data = new Map<Tensor, Data>();

  allocate(tensor: Tensor): void {
    if (this.#data.has(tensor)) return;
    if (!tensor.whole) {
      this.#data.set(tensor, newArray(tensor));
      return;
    }
    this.allocate(tensor.whole);
    const start = tensor.byteOffset / 4;
    this.#data.set(tensor, this.data(tensor.whole).subarray(start, start + tensor.size));
  }

  get usedBytes(): number {
    const own = [...this.#data].filter(([tensor]) => !tensor.whole);
    return own.reduce((total, [, data]) => total + data.byteLength, 0);
  }

  free(tensor: Tensor): void {
    this.#data.delete(tensor);
  }

  write(tensor: Tensor, bytes: Uint8Array, byteOffset = 0): void {
    this.allocate(tensor);
    const data = this.data(tensor);
    if (data instanceof Float64Array) {
      const floats = new Float32Array(bytes.slice().buffer);
      data.set(floats, byteOffset / 4);
    } else {
      bytesOf(data).set(bytes, byteOffset);
    }
  }

  async read(tensor: Tensor, target: Uint8Array = new Uint8Array(tensor.bytes)): Promise<Uint8Array> {
    if (tensor.whole && this.#data.has(tensor.whole)) this.allocate(tensor);
    const data = this.data(tensor);
    target.set(bytesOf(data instanceof Float64Array ? Float32Array.from(data) : data));
    return target;
  }

  /** A tensor's array itself: float64 elements that tests may read and change without rounding. */
  data(tensor: Tensor): Data {
    const data = this.#data.get(tensor);
    if (!data) throw new Error(`${tensor} has no memory on this engine`);
    return data;
  }

  load(program: Program): Executable {
    for (const tensor of program.persistent()) this.allocate(tensor);
    return new ReferenceExecutable(this, program);
  }

  async dispose(): Promise<void> {
    this.#data.clear();
  }
}

class ReferenceExecutable implements Executable {
  readonly program: Program;
  readonly plan: MemoryPlan;
  readonly #engine: ReferenceEngine;

  constructor(engine: ReferenceEngine, program: Program) {
    this.#engine = engine;
    this.program = program;
    this.plan = planMemory(program);
  }

  async run(reads: readonly Read[] = [], reached?: (mark: number) => void, times = 1): Promise<void> {
    for (let earlier = 1; earlier < times; earlier++) await this.run();
    const { calls } = this.program;
    for (const [line, call] of calls.entries()) {
      this.#tell(line, reached);
      this.#compute(call);
    }
    this.#tell(calls.length, reached);
    for (const { tensor, target } of reads) await this.#engine.read(tensor, target);
  }

  async profile(): Promise<KernelTime[]> {
    return this.program.calls.map((call) => {
      const began = performance.now();
      this.#compute(call);
      return { kernel: call.op.name, milliseconds: performance.now() - began };
    });
  }

  #compute(call: Call): void {
    for (const tensor of present(call.outputs)) {
      this.#engine.free(tensor);
      this.#engine.allocate(tensor);
      const data = this.#engine.data(tensor);
      if (data instanceof Float64Array) data.fill(Number.NaN);
    }
    call.op.reference(call, (tensor) => this.#engine.data(tensor));
    for (const tensor of present(call.outputs)) {
      const target = this.program.assignments.get(tensor);
      if (target) this.#engine.data(target).set(this.#engine.data(tensor));
    }
  }

  #tell(line: number, reached?: (mark: number) => void): void {
    for (const [mark, at] of this.program.marks.entries()) if (at === line) reached?.(mark);
  }
}

function newArray(tensor: Tensor): Data {
  switch (tensor.dtype) {
    case 'f32':
      return new Float64Array(tensor.size);
    case 'i32':
      return new Int32Array(tensor.size);
    case 'i8':
      return new Int8Array(tensor.size);
    case 'f16':
    case 'bf16':
      return new Uint16Array(tensor.size);
    default:
      return new Uint8Array(tensor.bytes);
  }
}
