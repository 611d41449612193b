/**
 * Symbolic tensors: a name, a shape and a kind of storage, no data. Data lives in an engine.
 *
 * A tensor is a `variable` (kept by the engine across programs: parameters, recurrent states, optimizer
 * moments), an `input` or `output` (kept too, and written or read by the host), or a `temporary` of the one
 * program that records it, whose memory the planner assigns.
 */

/**
 * Element types. `ternary` is a packed matrix of logical shape [out, in]: uint8 [ceil(out/4), in], two bits a
 * weight holding value + 1; bits 2j..2j+1 of row r belong to output row r + j·ceil(out/4). `binary` is a matrix of
 * values ±1: uint8 [ceil(out/8), in], one bit a weight. A matrix with a scale for each group of inputs, ternary or
 * binary, has the same number of bytes in another order: see src/ops/groupedLinear/packed.ts. `u4` is a matrix of values
 * 0 to 15, half a byte each.
 */
export type DType = 'f32' | 'f16' | 'bf16' | 'i32' | 'i8' | 'u8' | 'u4' | 'ternary' | 'binary';

export type Shape = readonly number[];

export type TensorKind = 'variable' | 'input' | 'temporary';

export class Tensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly kind: TensorKind;
  /** The variable of whose memory this one is a part. */
  readonly whole: Tensor | undefined;
  /** Where the part begins there, in bytes. */
  readonly byteOffset: number;

  constructor(kind: TensorKind, dtype: DType, shape: Shape, name: string, whole?: Tensor, byteOffset = 0) {
    for (const size of shape) {
      if (!Number.isSafeInteger(size) || size < 0) {
        throw new RangeError(`tensor ${name}: every size must be a non-negative integer, found [${shape}]`);
      }
    }
    if (['ternary', 'binary', 'u4'].includes(dtype) && shape.length !== 2) {
      throw new RangeError(`tensor ${name}: a ${dtype} matrix has shape [out, in], found [${shape}]`);
    }
    this.kind = kind;
    this.whole = whole;
    this.byteOffset = byteOffset;
    this.dtype = dtype;
    this.shape = shape;
    this.name = name;
  }

  /** Number of logical elements. */
  get size(): number {
    return elementCount(this.shape);
  }

  /** Bytes of storage, exact. */
  get bytes(): number {
    return byteSize(this.dtype, this.shape);
  }

  /** The tensor with its own memory: this one, or the one that it is a part of. */
  get storage(): Tensor {
    return this.whole ?? this;
  }

  toString(): string {
    return `${this.name}: ${this.dtype}[${this.shape.join(', ')}]`;
  }
}

export function elementCount(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

const bytesPerElement = { f32: 4, f16: 2, bf16: 2, i32: 4, i8: 1, u8: 1, u4: 1 / 2 } as const;

/** Bytes that a tensor of this type and shape occupies. */
export function byteSize(dtype: DType, shape: Shape): number {
  if (dtype === 'ternary') return packedRows(shape[0]!) * shape[1]!;
  if (dtype === 'binary') return Math.ceil(shape[0]! / 8) * shape[1]!;
  return elementCount(shape) * bytesPerElement[dtype];
}

/** Rows of the packed form of a ternary matrix with `out` output rows. */
export function packedRows(out: number): number {
  return Math.ceil(out / 4);
}

/** A persistent tensor: a parameter, a recurrent state, an optimizer moment. */
export function variable(name: string, shape: Shape, dtype: DType = 'f32'): Tensor {
  return new Tensor('variable', dtype, shape, name);
}

/** A tensor that the host writes before a run. */
export function input(name: string, shape: Shape, dtype: DType = 'f32'): Tensor {
  return new Tensor('input', dtype, shape, name);
}

/** Parts of a variable begin at multiples of this many elements: bindings of a GPU want whole 256 bytes. */
export const partAlignment = 64;

/**
 * A variable that lies within another one, an f32 vector, from element `offset` on. Whoever runs a program sees to it
 * that no op reads a part while it writes another one that overlaps it.
 */
export function part(whole: Tensor, offset: number, shape: Shape, name: string): Tensor {
  const tensor = new Tensor('variable', 'f32', shape, name, whole, 4 * offset);
  if (whole.dtype !== 'f32' || whole.whole || whole.kind !== 'variable') {
    throw new Error(`part ${name}: expected a whole f32 variable to lie in, found ${whole}`);
  }
  if (offset % partAlignment !== 0 || offset < 0 || offset + tensor.size > whole.size) {
    throw new RangeError(
      `part ${tensor}: expected it within ${whole}, from a multiple of ${partAlignment} on; found offset ${offset}`,
    );
  }
  return tensor;
}
