/** A recorded decode program as virtual instructions. */
import { InputError } from '../../errors.ts';
import type { Call, Data } from '../../program/op.ts';
import type { Program } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { lanes } from '../parameters.ts';
import { Builder, type Fixed, type Table, type Value } from './builder.ts';
import { constantFraction, logitFraction, residualFraction } from './formats.ts';
import { Layout, type Region } from './layout.ts';
import {
  activation,
  gated,
  inverseRms,
  normalised,
  type Quantised,
  quantised,
  rawValue,
  recurrence,
  sum,
} from './lowerOps.ts';
import type { VirtualInstruction } from './virtual.ts';

/** Inside BitLinear, whatever the model's own. */
const bitLinearEpsilon = 1e-6;

/** What the program's variables hold. */
export interface Constants {
  /** Elements of a float tensor. */
  floats(tensor: Tensor): Data;
  /** The rows of a matrix that is too large to be held as floats; `scales` are those of int8 rows. */
  table(tensor: Tensor, scales?: Tensor): Table;
  /** The bytes of a packed ternary matrix. */
  packed(tensor: Tensor): Uint8Array;
}

export interface LowerOptions {
  /** Elements of a vector register. */
  readonly maxLength: number;
  /** Whether logits are stored in DRAM, besides their arg-max. */
  readonly logits: boolean;
}

export interface Lowered {
  readonly instructions: readonly VirtualInstruction[];
  readonly layout: Layout;
  readonly logits: Region | undefined;
  readonly states: readonly Region[];
}

/** gate and up of a GLU, whose matrix is one. */
interface Pair {
  readonly kind: 'pair';
  readonly gate: Value;
  readonly up: Value;
}

/**
 * @param program one token of one sequence, with the logits of it as its output
 * @throws InputError for sizes that the registers do not hold, or ops that have no lowering
 */
export function lower(program: Program, constants: Constants, options: LowerOptions): Lowered {
  const lowering = new Lowering(program, constants, options);
  return lowering.run();
}

class Lowering {
  readonly #program: Program;
  readonly #constants: Constants;
  readonly #options: LowerOptions;
  readonly #builder = new Builder(new Layout());
  readonly #values = new Map<Tensor, Value | Pair>();
  /** Results of ops that depend on parameters only. */
  readonly #folded = new Map<Tensor, Data>();
  readonly #states = new Map<Tensor, Region>();
  /** 1/rms of a tensor that several projections read. */
  readonly #rms = new Map<Tensor, ReturnType<typeof inverseRms>>();
  #logits: Region | undefined;

  constructor(program: Program, constants: Constants, options: LowerOptions) {
    this.#program = program;
    this.#constants = constants;
    this.#options = options;
  }

  run(): Lowered {
    for (const target of this.#program.assignments.values()) {
      const beats = Math.ceil(target.size / lanes);
      this.#states.set(target, this.#builder.layout.place(target.name, beats));
    }
    for (const call of this.#program.calls) {
      this.#builder.comment = describe(call);
      this.#lower(call);
    }
    const { instructions, layout } = this.#builder;
    return { instructions, layout, logits: this.#logits, states: [...this.#states.values()] };
  }

  #lower(call: Call): void {
    for (const tensor of [...call.inputs, ...call.outputs]) this.#checkLength(call, tensor);
    const handlers: Readonly<Record<string, (call: Call) => void>> = {
      embedding: (c) => this.#embedding(c),
      lowerBounds: (c) => this.#fold(c),
      rmsNorm: (c) => this.#rmsNorm(c),
      bitLinear: (c) => this.#bitLinear(c),
      mlgru: (c) => this.#mlgru(c),
      gatedNorm: (c) => this.#gatedNorm(c),
      sigmoidGate: (c) => this.#sigmoidGate(c),
      swiglu: (c) => this.#swiglu(c),
      add: (c) => this.#set(c, sum(this.#builder, this.#value(c.inputs[0]!), this.#value(c.inputs[1]!))),
      lastToken: (c) => this.#set(c, this.#value(c.inputs[0]!)),
    };
    const handler = handlers[call.op.name];
    if (!handler) {
      throw new InputError(
        `the accelerator has no instructions for ${call.op.name}; it runs MatMul-free models (hgrn_bit)`,
      );
    }
    handler(call);
  }

  /** Vectors have to fit a register; matrices and tables are not held in one. */
  #checkLength(call: Call, tensor: Tensor | undefined): void {
    if (tensor?.kind !== 'temporary' || this.#program.outputs.has(tensor)) return;
    const width = tensor.shape.at(-1)! / (this.#isSplit(tensor) ? 2 : 1);
    if (tensor.dtype !== 'f32' || this.#folds(call) || width <= this.#options.maxLength) return;
    throw new InputError(
      `${call.op.name}: a vector of ${width} elements, expected at most ${this.#options.maxLength} (a vector register)`,
    );
  }

  #embedding(call: Call): void {
    const [, table, scales] = call.inputs as readonly [Tensor, Tensor, Tensor?];
    const width = table.shape[1]!;
    const rows = this.#constants.table(table, scales);
    const { region, fraction } = this.#builder.narrowTable(table.name, rows, residualFraction);
    const vector = { kind: 'vector', length: width } as const;
    const fields = { addr: region.address, len: width, left: residualFraction - fraction };
    this.#builder.emit({ name: 'lde', fields, reads: {}, writes: { y: vector } });
    const value = { kind: 'fixed', vector, fraction: residualFraction, reduced: new Map(), maker: undefined };
    this.#set(call, value as Fixed);
  }

  #fold(call: Call): void {
    const [result] = call.outputs;
    const data = new Float64Array(result!.size);
    this.#folded.set(result!, data);
    call.op.reference(call, (tensor) => this.#folded.get(tensor) ?? this.#constants.floats(tensor));
  }

  #folds(call: Call): boolean {
    return call.op.name === 'lowerBounds';
  }

  #rmsNorm(call: Call): void {
    const [x, gamma] = call.inputs;
    const { epsilon } = call.attributes as { epsilon: number };
    const weight = this.#constantVector(gamma!);
    this.#set(call, normalised(this.#builder, this.#measured(x!), epsilon, weight));
  }

  #bitLinear(call: Call): void {
    const [x, gamma, codes, scale] = call.inputs;
    const builder = this.#builder;
    const weight = this.#constantVector(gamma!);
    const rms = this.#rms.get(x!) ?? inverseRms(builder, this.#measured(x!), bitLinearEpsilon);
    this.#rms.set(x!, rms);
    const activations = quantised(builder, this.#fixed(x!), rms, weight);
    const [out, columns] = codes!.shape as [number, number];
    const matrixScale = this.#floats(scale!)[0]!;
    const packed = this.#constants.packed(codes!);
    const part = (firstRow: number, rows: number) => ({ packed, out, columns, firstRow, rows });
    const product = (firstRow: number, rows: number) => {
      const { vector } = builder.product(activations.q, part(firstRow, rows), { to: true });
      return rawValue(builder, vector, activations, matrixScale);
    };
    const [y] = call.outputs;
    if (this.#program.outputs.has(y!)) this.#head(y!, activations, matrixScale, part);
    else if (this.#isSplit(y!)) {
      const half = out / 2;
      this.#values.set(y!, { kind: 'pair', gate: product(0, half), up: product(half, half) });
    } else this.#values.set(y!, product(0, out));
  }

  /** The last product: its arg-max always, its values where they are asked for, in parts that fit a register. */
  #head(
    y: Tensor,
    activations: Quantised,
    matrixScale: number,
    part: (firstRow: number, rows: number) => VirtualInstruction['matrix'] & {},
  ): void {
    const builder = this.#builder;
    const vocabulary = y.shape.at(-1)!;
    if (!this.#options.logits) {
      builder.product(activations.q, part(0, vocabulary), { to: false, arg: true, first: true });
      return;
    }
    this.#logits = builder.layout.place('logits', Math.ceil(vocabulary / lanes));
    const { maxLength } = this.#options;
    let before: VirtualInstruction[] = [];
    for (let first = 0; first < vocabulary; first += maxLength) {
      const rows = Math.min(maxLength, vocabulary - first);
      const options = { to: true, arg: true, first: first === 0, after: before };
      const { vector, instruction } = builder.product(activations.q, part(first, rows), options);
      before = [instruction];
      const value = builder.toFixed(rawValue(builder, vector, activations, matrixScale), logitFraction);
      builder.store(this.#logits, value, first / lanes);
    }
  }

  #mlgru(call: Call): void {
    const [i, f, start, bounds] = call.inputs;
    const { layer } = call.attributes as { layer: number };
    const [h, last] = call.outputs;
    const state = this.#program.assignments.get(last!);
    if (!start || start !== state) {
      throw new InputError(
        'mlgru: expected a program that carries each state from token to token in its place',
      );
    }
    const rest = bounds && (() => this.#restOf(bounds, layer));
    const gates = { i: this.#value(i!), f: this.#value(f!), rest };
    const value = recurrence(this.#builder, gates, this.#states.get(state)!);
    this.#values.set(h!, value);
    this.#values.set(last!, value);
  }

  /** 1 − bound of a layer. */
  #restOf(bounds: Tensor, layer: number): Fixed {
    const width = bounds.shape[1]!;
    const row = this.#floats(bounds).subarray(layer * width, (layer + 1) * width);
    const rest = Float64Array.from(row, (bound) => 1 - bound);
    return this.#builder.constantVector(`1 - lower_bounds.${layer}`, rest);
  }

  #gatedNorm(call: Call): void {
    const [g, h, gamma] = call.inputs;
    const { epsilon } = call.attributes as { epsilon: number };
    const open = activation(this.#builder, 'silu', this.#value(h!));
    const weight = this.#constantVector(gamma!);
    const gate = gatedByConstant(this.#builder, open, weight);
    this.#set(call, normalised(this.#builder, this.#measured(g!), epsilon, gate));
  }

  #sigmoidGate(call: Call): void {
    const [g, h] = call.inputs;
    const open = activation(this.#builder, 'sig', this.#value(g!));
    this.#set(call, gated(this.#builder, this.#value(h!), open));
  }

  #swiglu(call: Call): void {
    const pair = this.#values.get(call.inputs[0]!)!;
    if (pair.kind !== 'pair') throw new Error('swiglu: its input was not split');
    this.#set(call, gated(this.#builder, pair.up, activation(this.#builder, 'silu', pair.gate)));
  }

  /** Whether a projection's rows are gate and up of a GLU. */
  #isSplit(tensor: Tensor): boolean {
    return this.#program.calls.some(({ op, inputs }) => op.name === 'swiglu' && inputs[0] === tensor);
  }

  #set(call: Call, value: Value): void {
    this.#values.set(call.outputs[0]!, value);
  }

  #value(tensor: Tensor): Value {
    const found = this.#values.get(tensor);
    if (found && found.kind !== 'pair') return found;
    if (tensor.kind === 'variable') return this.#constantVector(tensor);
    throw new Error(`no value for ${tensor}`);
  }

  #fixed(tensor: Tensor): Fixed {
    const value = this.#value(tensor);
    return value.kind === 'fixed' ? value : this.#builder.toFixed(value, residualFraction);
  }

  /** The value, its sum of squares taken; a copy that took it stands for the tensor from then on. */
  #measured(tensor: Tensor): Fixed {
    const { x } = this.#builder.reduce('ss', this.#fixed(tensor));
    this.#values.set(tensor, x);
    return x;
  }

  #constantVector(tensor: Tensor): Fixed {
    return this.#builder.constantVector(tensor.name, this.#floats(tensor));
  }

  #floats(tensor: Tensor): Data {
    return this.#folded.get(tensor) ?? this.#constants.floats(tensor);
  }
}

function gatedByConstant(builder: Builder, a: Fixed, b: Fixed): Fixed {
  return builder.row('mul', {
    ...{ a: a.vector, b: b.vector },
    ...{ shift: b.fraction, fraction: constantFraction },
  });
}

function describe({ op, inputs, outputs }: Call): string {
  const parameter = inputs.find((tensor) => tensor?.kind === 'variable' && tensor.name.startsWith('model.'));
  return parameter ? `${op.name} ${parameter.name}` : `${op.name} ${outputs[0]?.name ?? ''}`.trim();
}
