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

  constructor(program: Program) {
    this.#program = program;
    for (const [line, call] of program.calls.entries()) {
      this.#lines.set(call, line);
      for (const tensor of present(call.outputs)) this.#made.set(tensor, line);
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

  /** Whether what `from` makes can be made at `to`, further down, because no call between reads `tensors`. */
  mayWait(tensors: readonly Tensor[], from: Call, to: Call): boolean {
    const [first, last] = [this.line(from), this.line(to)];
    const isMarked = this.#program.marks.some((mark) => mark > first && mark <= last);
    return (
      !isMarked &&
      tensors.every((tensor) => this.readers(tensor).every((reader) => this.line(reader) >= last))
    );
  }
}

/** A program with the same outputs and assignments, without calls so far. */
export function withoutCalls(program: Program): Program {
  const fused = new Program(program.name);
  for (const tensor of program.outputs) fused.outputs.add(tensor);
  for (const [value, target] of program.assignments) fused.assignments.set(value, target);
  return fused;
}
