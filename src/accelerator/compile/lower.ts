/** A recorded decode program as virtual instructions. */
import { InputError } from '../../errors.ts';
import { addOp } from '../../ops/add/add.ts';
import { bitLinearOp } from '../../ops/bitLinear/bitLinear.ts';
import { embeddingOp } from '../../ops/embedding/embedding.ts';
import { gatedNormOp } from '../../ops/gatedNorm/gatedNorm.ts';
import { lastTokenOp } from '../../ops/lastToken/lastToken.ts';
import { lowerBoundsOp } from '../../ops/lowerBounds/lowerBounds.ts';
import { mlgruOp } from '../../ops/mlgru/mlgru.ts';
import { rmsNormOp } from '../../ops/rmsNorm/rmsNorm.ts';
import { sigmoidGateOp } from '../../ops/sigmoidGate/sigmoidGate.ts';
import { swigluOp } from '../../ops/swiglu/swiglu.ts';
import {
  type Call,
  type CallOf,
  callOfOp,
  type Data,
  type Op,
  type Operands,
  present,
} from '../../program/op.ts';
import type { Program } from '../../program/record.ts';
import { sizeOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import type { MachineSizes } from '../parameters.ts';
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
import type { Mode } from './mode.ts';
import type { VirtualInstruction } from './virtual.ts';

/** Inside BitLinear, whatever the model's own. */
const bitLinearEpsilon = 1e-6;

/** Values of the program's variables. */
export interface Constants {
  /** Elements of a float tensor. */
  floats(tensor: Tensor): Data;
  /** The rows of a matrix that is too large to be held as floats; `scales` are those of int8 rows. */
  table(tensor: Tensor, scales?: Tensor): Table;
  /** The bytes of a packed ternary matrix. */
  packed(tensor: Tensor): Uint8Array;
}

export interface LowerOptions {
  readonly sizes: MachineSizes;
  /** Whether logits are stored in DRAM, besides their arg-max. */
  readonly logits: boolean;
  readonly mode: Mode;
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
  readonly #builder: Builder;
  readonly #values = new Map<Tensor, Value | Pair>();
  /** Results of ops that depend on parameters only. */
  readonly #folded = new Map<Tensor, Data>();
  readonly #states = new Map<Tensor, Region>();
  /** 1/rms of a tensor that several projections read. */
  readonly #rms = new Map<Tensor, ReturnType<typeof inverseRms>>();
  #logits: Region | undefined;
  /** What is done for each op that the accelerator runs. */
  readonly #handlers = new Map<Op, (call: Call) => void>([
    handle(embeddingOp, (call) => this.#embedding(call)),
    handle(lowerBoundsOp, (call) => this.#fold(call)),
    handle(rmsNormOp, (call) => this.#rmsNorm(call)),
    handle(bitLinearOp, (call) => this.#bitLinear(call)),
    handle(mlgruOp, (call) => this.#mlgru(call)),
    handle(gatedNormOp, (call) => this.#gatedNorm(call)),
    handle(sigmoidGateOp, (call) => this.#sigmoidGate(call)),
    handle(swigluOp, (call) => this.#swiglu(call)),
    handle(addOp, ({ inputs: { a, b }, outputs: { y } }) => {
      this.#values.set(y, sum(this.#builder, this.#value(a), this.#value(b)));
    }),
    handle(lastTokenOp, ({ inputs: { x }, outputs: { y } }) => {
      this.#values.set(y, this.#value(x));
    }),
  ]);

  constructor(program: Program, constants: Constants, options: LowerOptions) {
    this.#program = program;
    this.#constants = constants;
    this.#options = options;
    this.#builder = new Builder(new Layout(options.sizes), options.sizes);
  }

  run(): Lowered {
    const { batch, lanes } = this.#options.sizes;
    for (const target of this.#program.assignments.values()) {
      const sequences = this.#options.mode === 'decode' ? batch : 1;
      const beats = sequences * Math.ceil(target.size / lanes);
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
    for (const tensor of [...present(call.inputs), ...present(call.outputs)]) {
      this.#checkLength(call, tensor);
    }
    const handler = this.#handlers.get(call.op);
    if (!handler) {
      throw new InputError(
        `the accelerator has no instructions for ${call.op.name}; it runs MatMul-free models (hgrn_bit)`,
      );
    }
    handler(call);
  }

  /** Vectors have to fit a register; matrices and tables are not held in one. */
  #checkLength(call: Call, tensor: Tensor): void {
    if (tensor.kind !== 'temporary' || this.#program.outputs.has(tensor)) return;
    const width = widthOf(tensor) / (this.#isSplit(tensor) ? 2 : 1);
    if (tensor.dtype !== 'f32' || this.#folds(call) || width <= this.#options.sizes.maxLength) return;
    throw new InputError(
      `${call.op.name}: a vector of ${width} elements, expected at most ${this.#options.sizes.maxLength} (a vector register)`,
    );
  }

  #embedding({ inputs: { table, scales }, outputs: { y } }: CallOf<typeof embeddingOp>): void {
    const width = widthOf(table);
    const rows = this.#constants.table(table, scales);
    const { region, fraction } = this.#builder.narrowTable(table.name, rows, residualFraction);
    const vector = { kind: 'vector', length: width } as const;
    const fields = { addr: region.address, len: width, left: residualFraction - fraction };
    this.#builder.emit({ name: 'lde', fields, reads: {}, writes: { y: vector } });
    const value = { kind: 'fixed', vector, fraction: residualFraction, reduced: new Map(), maker: undefined };
    this.#values.set(y, value as Fixed);
  }

  #fold(call: CallOf<typeof lowerBoundsOp>): void {
    const { bounds } = call.outputs;
    this.#folded.set(bounds, new Float64Array(bounds.size));
    call.op.reference(call, (tensor) => this.#folded.get(tensor) ?? this.#constants.floats(tensor));
  }

  #folds(call: Call): boolean {
    return callOfOp(call, lowerBoundsOp) !== undefined;
  }

  #rmsNorm({ inputs: { x, gamma }, outputs: { y }, attributes }: CallOf<typeof rmsNormOp>): void {
    const weight = this.#constantVector(gamma);
    this.#values.set(y, normalised(this.#builder, this.#measured(x), attributes.epsilon, weight));
  }

  #bitLinear({ inputs: { x, norm, codes, scale }, outputs: { y } }: CallOf<typeof bitLinearOp>): void {
    // In a prefill nobody reads the logits.
    if (this.#program.outputs.has(y) && this.#options.mode === 'prefill') return;
    const builder = this.#builder;
    const weight = this.#constantVector(norm);
    const rms = this.#rms.get(x) ?? inverseRms(builder, this.#measured(x), bitLinearEpsilon);
    this.#rms.set(x, rms);
    const activations = quantised(builder, this.#fixed(x), rms, weight);
    const [out, columns] = [sizeOf(codes, 0), widthOf(codes)];
    const matrixScale = this.#floats(scale)[0] ?? 0;
    const packed = this.#constants.packed(codes);
    const part = (firstRow: number, rows: number) => ({ packed, out, columns, firstRow, rows });
    const product = (firstRow: number, rows: number) => {
      const { vector } = builder.product(activations.q, part(firstRow, rows), { to: true });
      return rawValue(builder, vector, activations, matrixScale);
    };
    if (this.#program.outputs.has(y)) this.#head(y, activations, matrixScale, part);
    else if (this.#isSplit(y)) {
      const half = out / 2;
      this.#values.set(y, { kind: 'pair', gate: product(0, half), up: product(half, half) });
    } else this.#values.set(y, product(0, out));
  }

  /** The last product: its arg-max always, its values where they are asked for, in parts that fit a register. */
  #head(
    y: Tensor,
    activations: Quantised,
    matrixScale: number,
    part: (firstRow: number, rows: number) => VirtualInstruction['matrix'] & {},
  ): void {
    const builder = this.#builder;
    const vocabulary = widthOf(y);
    if (!this.#options.logits) {
      builder.product(activations.q, part(0, vocabulary), { to: false, arg: true, first: true });
      return;
    }
    const { maxLength, batch, lanes } = this.#options.sizes;
    // Parts of the vocabulary, in each of them all slots in turn.
    this.#logits = builder.layout.place('logits', batch * Math.ceil(vocabulary / lanes));
    let before: VirtualInstruction[] = [];
    for (let first = 0; first < vocabulary; first += maxLength) {
      const rows = Math.min(maxLength, vocabulary - first);
      const options = { to: true, arg: true, first: first === 0, after: before };
      const { vector, instruction } = builder.product(activations.q, part(first, rows), options);
      before = [instruction];
      const value = builder.toFixed(rawValue(builder, vector, activations, matrixScale), logitFraction);
      builder.store(this.#logits, value, { offset: (batch * first) / lanes, each: batch > 1 });
    }
  }

  #mlgru({ inputs, outputs: { h, last }, attributes: { layer } }: CallOf<typeof mlgruOp>): void {
    const { i, f, start, bounds } = inputs;
    const state = this.#program.assignments.get(last);
    const region = state && this.#states.get(state);
    if (!region || !start || start !== state) {
      throw new InputError(
        'mlgru: expected a program that carries each state from token to token in its place',
      );
    }
    const rest = bounds && (() => this.#restOf(bounds, layer));
    const gates = { i: this.#value(i), f: this.#value(f), rest };
    const value = recurrence(this.#builder, gates, region, this.#options.mode);
    this.#values.set(h, value);
    this.#values.set(last, value);
  }

  /** 1 − bound of a layer. */
  #restOf(bounds: Tensor, layer: number): Fixed {
    const width = widthOf(bounds);
    const row = this.#floats(bounds).subarray(layer * width, (layer + 1) * width);
    const rest = Float64Array.from(row, (bound) => 1 - bound);
    return this.#builder.constantVector(`1 - lower_bounds.${layer}`, rest);
  }

  #gatedNorm({ inputs: { x, h, gamma }, outputs: { y }, attributes }: CallOf<typeof gatedNormOp>): void {
    const open = activation(this.#builder, 'silu', this.#value(h));
    const weight = this.#constantVector(gamma);
    const gate = gatedByConstant(this.#builder, open, weight);
    this.#values.set(y, normalised(this.#builder, this.#measured(x), attributes.epsilon, gate));
  }

  #sigmoidGate({ inputs: { x, h }, outputs: { y } }: CallOf<typeof sigmoidGateOp>): void {
    const open = activation(this.#builder, 'sig', this.#value(x));
    this.#values.set(y, gated(this.#builder, this.#value(h), open));
  }

  #swiglu({ inputs: { x }, outputs: { y } }: CallOf<typeof swigluOp>): void {
    const pair = this.#values.get(x);
    if (pair?.kind !== 'pair') throw new Error('swiglu: its input was not split');
    this.#values.set(y, gated(this.#builder, pair.up, activation(this.#builder, 'silu', pair.gate)));
  }

  /** Whether a projection's rows are gate and up of a GLU. */
  #isSplit(tensor: Tensor): boolean {
    return this.#program.calls.some((call) => callOfOp(call, swigluOp)?.inputs.x === tensor);
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

/** A row of the table of handlers. */
function handle<In extends Operands, Out extends Operands, A>(
  op: Op<In, Out, A>,
  handler: (call: Call<In, Out, A>) => void,
): readonly [Op, (call: Call) => void] {
  return [op as Op, handler as (call: Call) => void];
}

function gatedByConstant(builder: Builder, a: Fixed, b: Fixed): Fixed {
  return builder.row('mul', {
    ...{ a: a.vector, b: b.vector },
    ...{ shift: b.fraction, fraction: constantFraction },
  });
}

function describe({ op, inputs, outputs }: Call): string {
  const parameter = present(inputs).find(
    (tensor) => tensor.kind === 'variable' && tensor.name.startsWith('model.'),
  );
  return parameter ? `${op.name} ${parameter.name}` : `${op.name} ${present(outputs)[0]?.name ?? ''}`.trim();
}
