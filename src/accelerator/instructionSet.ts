/**
 * The accelerator's instructions as data. The assembler, the disassembler, the simulator's decoder and the
 * constants of the RTL all read this one table; docs/accelerator.md says what the instructions do.
 */

/** The functional unit that an instruction occupies. */
export type Unit = 'ls' | 'row' | 'scl' | 'tmv' | 'control';

export const units = ['ls', 'row', 'scl', 'tmv'] as const;

/** Content of a field, and with it the notation: v0…v7, q0…q1, s0…s15, a label, a number, a flag. */
export type FieldKind = 'vector' | 'bank' | 'scalar' | 'target' | 'integer' | 'flag' | 'reduction';

export interface Field {
  readonly name: string;
  readonly kind: FieldKind;
  readonly high: number;
  readonly low: number;
  /** Two's complement. */
  readonly signed?: boolean;
  /** Written as `name=value`, and left out if it has its default. Others are written in order, always. */
  readonly named?: boolean;
  /** A named field that has to be written. */
  readonly required?: boolean;
  /** Added to the encoded number when written: `shift` holds the shift less 16. */
  readonly bias?: number;
}

export interface Operation {
  readonly name: string;
  readonly opcode: number;
  readonly unit: Unit;
  readonly fields: readonly Field[];
}

export interface Instruction {
  readonly operation: Operation;
  /** Field values as encoded, numbers in their signedness. */
  readonly fields: Readonly<Record<string, number>>;
}

const vector = (name: string, high: number): Field => ({ name, kind: 'vector', high, low: high - 2 });
const scalar = (name: string, high: number): Field => ({ name, kind: 'scalar', high, low: high - 3 });
const integer = (name: string, high: number, low: number, more: Partial<Field> = {}): Field => ({
  ...{ name, kind: 'integer', high, low },
  ...more,
});
const required = { named: true, required: true } as const;
const flag = (name: string, bit: number): Field => ({ name, kind: 'flag', high: bit, low: bit, named: true });

const y = vector('y', 57);
const address = integer('addr', 27, 0);
const loadLength = integer('len', 49, 36, required);
const rowLength = integer('len', 13, 0, required);
/** Each slot has its own beats. */
const each = flag('each', 50);
const left = integer('left', 54, 50, { named: true });
const scaleField: Field = { ...scalar('scale', 48), named: true };
/** `ss=s4`, `max=s4`: the kind of reduction, then the scalar that receives it. */
const reduction: Field = { name: 'red', kind: 'reduction', high: 44, low: 43, named: true };
const reduced: Field = { ...scalar('sd', 42), named: true };
const target: Field = { name: 'target', kind: 'target', high: 15, low: 0 };
const [a, b] = [vector('a', 54), vector('b', 51)];
const rowFields = [scaleField, reduction, reduced, rowLength];
const shift = integer('shift', 38, 34, { ...required, bias: 16 });
const [sd, sa, sb] = [scalar('sd', 57), scalar('sa', 53), scalar('sb', 49)];

const operation = (opcode: number, name: string, unit: Unit, fields: readonly Field[] = []): Operation => ({
  ...{ name, opcode, unit, fields },
});

export const operations: readonly Operation[] = [
  operation(0x01, 'nop', 'control'),
  operation(0x02, 'halt', 'control'),
  operation(0x03, 'jmp', 'control', [target]),
  operation(0x04, 'tin', 'control', [target]),
  operation(0x05, 'tout', 'control'),
  operation(0x08, 'ldv', 'ls', [y, address, each, loadLength]),
  operation(0x09, 'ldh', 'ls', [y, address, left, loadLength]),
  operation(0x0a, 'lde', 'ls', [y, address, left, loadLength]),
  operation(0x0b, 'sv', 'ls', [y, address, each, loadLength]),
  operation(0x0c, 'wst', 'control', [integer('core', 57, 53), address, integer('beats', 52, 28, required)]),
  operation(0x10, 'mov', 'row', [y, a, ...rowFields]),
  operation(0x11, 'add', 'row', [y, a, b, ...rowFields]),
  operation(0x12, 'sub', 'row', [y, a, b, ...rowFields]),
  operation(0x13, 'mul', 'row', [y, a, b, shift, ...rowFields]),
  operation(0x14, 'sig', 'row', [y, a, ...rowFields]),
  operation(0x15, 'sigc', 'row', [y, a, ...rowFields]),
  operation(0x16, 'silu', 'row', [y, a, ...rowFields]),
  operation(0x18, 'shf', 'row', [y, a, b, ...rowFields]),
  operation(0x17, 'qnt', 'row', [
    { name: 'q', kind: 'bank', high: 55, low: 55 },
    a,
    { ...scaleField },
    rowLength,
  ]),
  operation(0x20, 'tmv', 'tmv', [
    { name: 'q', kind: 'bank', high: 54, low: 54 },
    // `to=v3` sets both the register and `wr`.
    { ...y, name: 'to', named: true },
    flag('wr', 53),
    flag('arg', 52),
    flag('first', 51),
    integer('rows', 19, 0, required),
    integer('cols', 47, 34, required),
  ]),
  operation(0x28, 'sli', 'scl', [sd, integer('m', 23, 8), integer('e', 7, 0, { signed: true })]),
  operation(0x29, 'smul', 'scl', [sd, sa, sb]),
  operation(0x2a, 'sadd', 'scl', [sd, sa, sb]),
  operation(0x2b, 'smax', 'scl', [sd, sa, sb]),
  operation(0x2c, 'srcp', 'scl', [sd, sa]),
  operation(0x2d, 'srsq', 'scl', [sd, sa]),
  operation(0x2e, 'sact', 'scl', [sd]),
];

export const reductions = ['none', 'ss', 'max'] as const;

const byName = new Map(operations.map((entry) => [entry.name, entry]));
const byOpcode = new Map(operations.map((entry) => [entry.opcode, entry]));

export function operationNamed(name: string): Operation | undefined {
  return byName.get(name);
}

/** Bounds of what is written in a field, bias included. */
export function rangeOf({ high, low, signed, bias = 0 }: Field): readonly [min: number, max: number] {
  const size = 2 ** (high - low + 1);
  return signed ? [-size / 2, size / 2 - 1] : [bias, size - 1 + bias];
}

/** An instruction from its fields, as encoded; those not given are 0. */
export function instruction(name: string, fields: Readonly<Record<string, number>> = {}): Instruction {
  const found = byName.get(name);
  if (!found) throw new Error(`no instruction is called ${name}`);
  const all: Record<string, number> = {};
  for (const field of found.fields) all[field.name] = 0;
  for (const [key, value] of Object.entries(fields)) {
    const field = found.fields.find((entry) => entry.name === key);
    if (!field) throw new Error(`${name} has no field ${key}`);
    const [min, max] = rangeOf({ ...field, bias: 0 });
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new RangeError(`${name}, ${key}: found ${value}, expected ${min} to ${max}`);
    }
    all[key] = value;
  }
  return { operation: found, fields: all };
}

/** The instruction as a word of 64 bits. */
export function encode({ operation: { opcode, fields }, fields: values }: Instruction): bigint {
  let word = BigInt(opcode) << 58n;
  for (const { name, high, low } of fields) {
    word |= BigInt.asUintN(high - low + 1, BigInt(values[name]!)) << BigInt(low);
  }
  return word;
}

/**
 * The instruction that a word encodes, or undefined if it is illegal whatever the machine: an unknown opcode, a
 * bit set where nothing is, or fields that contradict one another.
 */
export function decode(word: bigint): Instruction | undefined {
  const found = byOpcode.get(Number(word >> 58n));
  if (!found) return undefined;
  const fields: Record<string, number> = {};
  for (const { name, high, low, signed } of found.fields) {
    const bits = (word >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n);
    fields[name] = Number(signed ? BigInt.asIntN(high - low + 1, bits) : bits);
  }
  const decoded = { operation: found, fields };
  return encode(decoded) === word && !contradiction(decoded) ? decoded : undefined;
}

/** Describes the contradiction between fields that are each in range; undefined if there is none. */
export function contradiction({ operation: { name, unit }, fields }: Instruction): string | undefined {
  const { red = 0, sd = 0, left: shifted = 0, wr, arg, first, to, m = 0, e = 0 } = fields;
  if (unit === 'row' && name !== 'qnt') {
    if (red === 3) return 'reduction 3 does not exist';
    if (red === 0 && sd !== 0) return 'a scalar is named without a reduction';
    if (red !== 0 && sd === 0) return 's0 is the constant one and cannot be written';
  }
  if (unit === 'scl' && sd === 0) return 's0 is the constant one and cannot be written';
  if (name === 'sli' && !((m >= 32768 && m <= 65535) || (m === 0 && e === 0))) {
    return `mantissa ${m}: expected 32768 to 65535, or 0 with exponent 0`;
  }
  if (unit === 'ls' && shifted > 16) return `left=${shifted}: expected 0 to 16`;
  if (name === 'tmv') {
    if (!wr && !arg) return 'neither to= nor arg: the product would go nowhere';
    if (!wr && to !== 0) return 'a register is named that is not written';
    if (first && !arg) return 'first without arg';
  }
  return undefined;
}
