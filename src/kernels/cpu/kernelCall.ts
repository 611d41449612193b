/**
 * A call of a WebAssembly kernel: an object whose fields are those of the `@unmanaged` class that the kernel reads.
 * Types and order of the fields are generated from the kernels' sources: see kernelArguments.ts.
 */
import { rowsOf, widthOf } from '../../program/shapes.ts';
import { Tensor } from '../../program/tensor.ts';
import { type KernelArguments, kernelFields } from './kernelArguments.ts';

export type KernelName = keyof KernelArguments;

export interface KernelCall {
  readonly kernel: KernelName;
  /** By field; sizes are 32-bit integers. */
  readonly args: Readonly<Record<string, Tensor | number | undefined>>;
  /** Numbers u32 that follow the class in memory, for kernels that read a table of them. */
  readonly table?: readonly number[];
  /**
   * Columns of each quarter of the rows that a product of packed weights writes: a piece is a share of all four quarters,
   * because a byte holds codes of four rows of weights.
   */
  readonly quarter?: number;
  readonly follower?: Follower;
  /** Whatever the work. */
  readonly maxPieces?: number;
  /** A piece is a share of so many rows: of each operand that has as many, it touches no other row. */
  readonly rows?: number;
  /** The operations of its op are those of its other kernels. */
  readonly prepares?: boolean;
}

/**
 * A kernel that takes rows column by column. After a product, whose piece has written a share of the columns of each
 * quarter, the same thread can take the same columns, `planes` parts of its own rows, before others have finished.
 */
export interface Follower {
  readonly quarter: number;
  readonly planes: number;
}

/** A call of a product with packed weights, which writes `out` columns. */
export function packedProduct(call: KernelCall, out: number): KernelCall {
  return out % 4 === 0 ? { ...call, quarter: out / 4 } : call;
}

/** Of so many rows, a share of the columns stays in the first cache from the product to its follower. */
const fewRows = 16;

/** A call that takes the rows of x column by column, if they are few; its own rows have `width` columns. */
export function follower(call: KernelCall, x: Tensor): KernelCall {
  const { width } = call.args;
  const quarter = widthOf(x) / 4;
  if (rowsOf(x) > fewRows || typeof width !== 'number' || !Number.isInteger(quarter)) return call;
  return { ...call, follower: { quarter, planes: width / quarter } };
}

/** Columns of a piece, at least: four cache lines of each row, which the processor fetches ahead. */
const minColumns = 64;

/** A call whose pieces are columns of rows of `width`. */
export function byColumns(call: KernelCall, width: number): KernelCall {
  return { ...call, maxPieces: Math.max(1, Math.floor(width / minColumns)) };
}

/** A call whose pieces are shares of `rows`, if these are several. */
export function byRows(call: KernelCall, rows: number): KernelCall {
  return rows > 1 ? { ...call, rows } : call;
}

/** `kernelCall('lastToken', { x, y, batch, length, width })` */
export function kernelCall<Name extends KernelName>(
  kernel: Name,
  args: KernelArguments[Name],
  table?: readonly number[],
): KernelCall {
  return { kernel, args, ...(table && { table }) };
}

/** One 32-bit word of a kernel's arguments. */
export interface KernelWord {
  readonly kind: 'tensor' | 'i32' | 'f32';
  readonly value: Tensor | number | undefined;
}

/**
 * The words of a call in the order in which the kernel reads them.
 * @throws Error that names the field if one is missing, unknown or of another kind, whatever the types said
 */
export function wordsOf({ kernel, args, table = [] }: KernelCall): KernelWord[] {
  const fields = Object.entries(kernelFields[kernel] ?? {});
  if (fields.length === 0) throw new Error(`the kernel module has no kernel ${kernel}: run "npm run build"`);
  for (const name of Object.keys(args)) {
    if (!Object.hasOwn(kernelFields[kernel], name)) {
      const expected = fields.map(([field]) => field).join(', ');
      throw new Error(`kernel ${kernel} has no argument ${name}; expected ${expected}`);
    }
  }
  const words = fields.map(([name, kind]) => {
    const value = args[name];
    const isTensor = value instanceof Tensor || (kind === 'optional' && value === undefined);
    const isRight = kind === 'i32' || kind === 'f32' ? typeof value === 'number' : isTensor;
    if (!isRight) throw new Error(`kernel ${kernel}, argument ${name}: expected ${kind}, found ${value}`);
    return { kind: kind === 'optional' ? 'tensor' : kind, value };
  });
  return [...words, ...table.map((value) => ({ kind: 'i32' as const, value }))];
}
