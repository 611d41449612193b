/**
 * Recording: inside `record(() => …)`, every op that is applied to symbolic tensors adds a line to a program.
 * The program is a flat list with fixed shapes; nothing runs until an engine loads it.
 */
import { type Call, type Op, type Operands, type OutputSpec, present } from './op.ts';
import { Tensor } from './tensor.ts';

export class Program {
  readonly calls: Call[] = [];
  /** Temporaries that the host reads after a run; they live to the program's end. */
  readonly outputs = new Set<Tensor>();
  /** temporary → the variable whose memory it is written to. */
  readonly assignments = new Map<Tensor, Tensor>();
  /** Variables of which nothing is needed between runs, so that an engine may place them among the temporaries. */
  readonly transient = new Set<Tensor>();
  /** Lines before which the host is notified of a run's progress: see `mark`. */
  readonly marks: number[] = [];
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /** Variables and inputs that the program reads or assigns, in order of first use. */
  persistent(): Tensor[] {
    const found = new Set<Tensor>();
    for (const call of this.calls) {
      for (const tensor of [...present(call.inputs), ...present(call.outputs)]) {
        if (tensor.kind !== 'temporary') found.add(tensor);
      }
    }
    for (const target of this.assignments.values()) found.add(target);
    for (const tensor of this.transient) found.add(tensor);
    return [...found];
  }
}

let current: Program | undefined;

/** Records the ops that `body` applies. Recording does not nest. */
export function record(name: string, body: () => void): Program {
  if (current) throw new Error(`record(${name}): already recording ${current.name}`);
  const program = new Program(name);
  current = program;
  try {
    body();
  } finally {
    current = undefined;
  }
  return program;
}

/** The program being recorded. */
export function recording(): Program {
  if (!current)
    throw new Error('an op was applied outside record(): wrap the model call in record(name, () => …)');
  return current;
}

/** Adds one op call to the program being recorded and returns its outputs. */
export function emit<In extends Operands, Out extends Operands, A>(
  op: Op<In, Out, A>,
  inputs: NoInfer<In>,
  ...[attributes]: undefined extends A ? [attributes?: A] : [attributes: A]
): Out {
  const program = recording();
  const line = program.calls.length;
  const specs: { readonly [name: string]: OutputSpec | undefined } = op.outputs(inputs, attributes as A);
  const outputs = Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [
      name,
      spec && new Tensor('temporary', spec.dtype ?? 'f32', spec.shape, `${line}.${op.name}.${name}`),
    ]),
  );
  const call: Call = { op: op as Op, inputs, outputs, attributes };
  program.calls.push(call);
  return outputs as Out;
}

/** Keeps a temporary to the program's end so that the host can read it. */
export function output(tensor: Tensor): Tensor {
  recording().outputs.add(tensor);
  return tensor;
}

/**
 * A place in the program at which the host is notified that everything before it is done, while the program continues:
 * see `Executable.run`. An engine may notify it some calls later, as long as these read no variable that was assigned
 * before the mark. Returns the mark's number, counted from 0.
 */
export function mark(): number {
  const { calls, marks } = recording();
  return marks.push(calls.length) - 1;
}

/**
 * Says that nothing of a variable is needed between runs. Its parts are unlike temporaries in that the host can use them
 * as one at a mark; they last to the program's end.
 */
export function transient(tensor: Tensor): void {
  recording().transient.add(tensor);
}

/**
 * Writes `value` to the memory of the variable `target`. The op that produces `value` overwrites the old
 * content, so no later call may read `target`; that op itself may if its kernel reads each element before it
 * writes it, as element-wise kernels do.
 */
export function assign(target: Tensor, value: Tensor): void {
  if (target.kind !== 'variable' || value.kind !== 'temporary') {
    throw new Error(`assign(${target}, ${value}): expected a variable and a temporary`);
  }
  if (target.bytes !== value.bytes) {
    throw new Error(`assign(${target}, ${value}): sizes differ`);
  }
  recording().assignments.set(value, target);
}
