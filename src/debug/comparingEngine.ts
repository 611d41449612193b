/**
 * Two engines side by side. Programs run on one of them with all temporaries kept; then each call runs by itself on
 * the other, from the inputs that it had on the first. So each op is judged alone, and an error does not spread.
 */
import type { Engine, Executable, KernelTime, Read } from '../engine/engine.ts';
import { type Call, type Operands, present } from '../program/op.ts';
import type { MemoryPlan } from '../program/plan.ts';
import { Program } from '../program/record.ts';
import { input, type Tensor } from '../program/tensor.ts';
import { type Difference, differenceOf, elementsOf } from './difference.ts';
import { WrappedEngine } from './wrappedEngine.ts';

/** One output of one call, on both engines. */
export interface ComparedOutput extends Difference {
  readonly program: string;
  /** Of the call in the program, counted from 0. */
  readonly line: number;
  readonly op: string;
  readonly output: string;
  /** The variables among the call's inputs: parameters, and states that carry a sequence on. */
  readonly parameters: readonly string[];
  readonly tolerance: number;
}

export interface Comparison {
  /** Computes the expected values. */
  readonly against: Engine;
  readonly toleranceOf: (op: string) => number;
  readonly onOutput: (output: ComparedOutput) => void;
}

export class ComparingEngine extends WrappedEngine {
  readonly #comparison: Comparison;

  constructor(inner: Engine, comparison: Comparison) {
    super(inner);
    this.#comparison = comparison;
  }

  override allocate(tensor: Tensor): void {
    super.allocate(tensor);
    this.#comparison.against.allocate(tensor);
  }

  override free(tensor: Tensor): void {
    super.free(tensor);
    this.#comparison.against.free(tensor);
  }

  override write(tensor: Tensor, bytes: Uint8Array, byteOffset?: number): void {
    super.write(tensor, bytes, byteOffset);
    this.#comparison.against.write(tensor, bytes, byteOffset);
  }

  override load(program: Program): Executable {
    return new ComparingExecutable(this.inner, this.#comparison, program);
  }

  override async dispose(): Promise<void> {
    await super.dispose();
    await this.#comparison.against.dispose();
  }
}

class ComparingExecutable implements Executable {
  readonly #engine: Engine;
  readonly #comparison: Comparison;
  readonly #executable: Executable;
  /** Temporaries as inputs of the programs that hold one call each. */
  readonly #copies = new Map<Tensor, Tensor>();

  constructor(engine: Engine, comparison: Comparison, program: Program) {
    this.#engine = engine;
    this.#comparison = comparison;
    this.#executable = engine.load(withAllOutputs(program));
    for (const tensor of program.persistent()) comparison.against.allocate(tensor);
  }

  get program(): Program {
    return this.#executable.program;
  }

  get plan(): MemoryPlan {
    return this.#executable.plan;
  }

  async run(reads: readonly Read[] = [], reached?: (mark: number) => void, times = 1): Promise<void> {
    for (let time = 1; time <= times; time++) {
      await this.#executable.run([], time === times ? reached : undefined);
      for (const [line, call] of this.program.calls.entries()) await this.#compare(call, line);
    }
    for (const { tensor, target } of reads) await this.#engine.read(tensor, target);
  }

  profile(): Promise<KernelTime[]> {
    return this.#executable.profile();
  }

  async #compare(call: Call, line: number): Promise<void> {
    const { against, toleranceOf, onOutput } = this.#comparison;
    const alone = this.#alone(call, line);
    const executable = against.load(alone);
    for (const tensor of new Set(present(call.inputs))) {
      if (tensor.kind === 'temporary') against.write(this.#copy(tensor), await this.#engine.read(tensor));
    }
    await executable.run();
    const parameters = [...new Set(present(call.inputs))].filter(({ kind }) => kind === 'variable');
    for (const [output, tensor] of Object.entries(call.outputs)) {
      if (!tensor) continue;
      const [bytes, expected] = [await this.#engine.read(tensor), await against.read(tensor)];
      const tolerance = toleranceOf(call.op.name);
      onOutput({
        ...{ program: this.program.name, line, op: call.op.name, output, tolerance },
        parameters: parameters.map(({ name }) => name),
        ...differenceOf(elementsOf(tensor.dtype, bytes), elementsOf(tensor.dtype, expected), tolerance),
      });
      // Later programs begin with the same states.
      const target = this.program.assignments.get(tensor);
      if (target) against.write(target, bytes);
    }
  }

  /** The program of one call. */
  #alone(call: Call, line: number): Program {
    const { name, assignments } = this.program;
    const program = new Program(`${name}, line ${line}`);
    program.calls.push({ ...call, inputs: this.#withCopies(call.inputs) });
    for (const tensor of present(call.outputs)) {
      const target = assignments.get(tensor);
      if (target) program.assignments.set(tensor, target);
      else program.outputs.add(tensor);
    }
    return program;
  }

  #withCopies(inputs: Operands): Operands {
    return Object.fromEntries(
      Object.entries(inputs).map(([name, tensor]) => [
        name,
        tensor?.kind === 'temporary' ? this.#copy(tensor) : tensor,
      ]),
    );
  }

  #copy(tensor: Tensor): Tensor {
    const copy = this.#copies.get(tensor) ?? input(tensor.name, tensor.shape, tensor.dtype);
    this.#copies.set(tensor, copy);
    return copy;
  }
}

/** The same calls with every temporary kept to the end, so that all can be read. */
function withAllOutputs(program: Program): Program {
  const whole = new Program(program.name);
  whole.calls.push(...program.calls);
  whole.marks.push(...program.marks);
  for (const [value, target] of program.assignments) whole.assignments.set(value, target);
  for (const call of program.calls) {
    for (const tensor of present(call.outputs))
      if (!program.assignments.has(tensor)) whole.outputs.add(tensor);
  }
  return whole;
}
