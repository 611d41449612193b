/** Which calls of a program make and use each tensor; fusing needs this to replace calls. */
import { type Call, present } from '../../program/op.ts';
import { Program } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';

/** The calls that read and make a tensor. */
export class Uses {
  readonly #program: Program;
  readonly #readers = new Map<Tensor, Call[]>();
  readonly #lines = new Map<Call, number>();
  readonly #made = new Map<Tensor, number>();
  readonly #makers = new Map<Tensor, Call>();
  /** The line that first assigns to a variable. */
  readonly #assigned = new Map<Tensor, number>();

  constructor(program: Program) {
    this.#program = program;
    for (const [line, call] of program.calls.entries()) {
      this.#lines.set(call, line);
      for (const tensor of present(call.outputs)) {
        this.#made.set(tensor, line);
        this.#makers.set(tensor, call);
        const storage = program.assignments.get(tensor)?.storage;
        if (storage && !this.#assigned.has(storage)) this.#assigned.set(storage, line);
      }
      for (const tensor of new Set(present(call.inputs))) {
        const readers = this.#readers.get(tensor);
        if (readers) readers.push(call);
        else this.#readers.set(tensor, [call]);
      }
    }
  }

  readers(tensor: Tensor): readonly Call[] {
    return this.#readers.get(tensor) ?? [];
  }

  /** The call that makes a tensor; undefined if the program does not. */
  maker(tensor: Tensor): Call | undefined {
    return this.#makers.get(tensor);
  }

  line(call: Call): number {
    return this.#lines.get(call) ?? Number.NaN;
  }

  /** Whether the tensor exists before the call. */
  isThere(tensor: Tensor, call: Call): boolean {
    return (this.#made.get(tensor) ?? -1) < this.line(call);
  }

  /** Whether the tensor is an output or assigned to a variable, so that it must be made. */
  isKept(tensor: Tensor): boolean {
    return this.#program.outputs.has(tensor) || this.#program.assignments.has(tensor);
  }

  /**
   * Whether what `from` makes can be made at `to`, further down: no call between reads `tensors`, and marks between can
   * wait until then.
   */
  mayWait(tensors: readonly Tensor[], from: Call, to: Call): boolean {
    const last = this.line(to);
    return (
      this.marksBetween(from, to).every((mark) => this.#markMayWait(mark, last)) &&
      tensors.every((tensor) => this.readers(tensor).every((reader) => this.line(reader) >= last))
    );
  }

  marksBetween(from: Call, to: Call): readonly number[] {
    const [first, last] = [this.line(from), this.line(to)];
    return this.#program.marks.filter((mark) => mark > first && mark <= last);
  }

  /** Whether the calls from a mark to a line read nothing that the host may replace at the mark. */
  #markMayWait(mark: number, last: number): boolean {
    const isReplaced = (tensor: Tensor) => {
      const { storage } = this.#program.assignments.get(tensor) ?? tensor;
      return (this.#assigned.get(storage) ?? Number.POSITIVE_INFINITY) < mark;
    };
    return !this.#program.calls.slice(mark, last + 1).some((call) => present(call.inputs).some(isReplaced));
  }
}

/** A program with the same outputs and assignments, without calls so far. */
export function withoutCalls(program: Program): Program {
  const fused = new Program(program.name);
  for (const tensor of program.outputs) fused.outputs.add(tensor);
  for (const tensor of program.transient) fused.transient.add(tensor);
  for (const [value, target] of program.assignments) fused.assignments.set(value, target);
  return fused;
}
