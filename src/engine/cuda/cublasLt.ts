/**
 * Dense products by cuBLASLt. It thinks in columns: what is [rows, columns] in our row-major order is [columns, rows]
 * there, so y = a · b is asked for as yᵀ = bᵀ · aᵀ, with b as the first operand.
 */
import type { MatrixOperand, Product } from '../../kernels/cuda/launch.ts';
import { CudaError, remedy } from './errors.ts';
import { findLibrary } from './libraries.ts';
import { type Koffi, Library } from './library.ts';

const signatures = {
  cublasLtCreate: '*',
  cublasLtDestroy: 'h',
  cublasLtMatmulDescCreate: '*ii',
  cublasLtMatmulDescSetAttribute: 'hi*z',
  cublasLtMatrixLayoutCreate: '*ihhh',
  cublasLtMatmulPreferenceCreate: '*',
  cublasLtMatmulPreferenceSetAttribute: 'hi*z',
  cublasLtMatmulAlgoGetHeuristic: 'hhhhhhhi**',
  cublasLtMatmul: 'hh*hhhh*hhhh*hzh',
} as const;

/** cuBLASLt's numbers. */
const dataTypes = { f32: 0, f16: 2, i8: 3, i32: 10, bf16: 14 } as const;
const computeTypes = { f32: 68, i32: 72 } as const;
const attributes = { pointerMode: 2, transposeA: 3, transposeB: 4 } as const;
const maxWorkspace = 1;
const alphaOnDevice = 1;
/** Bytes of a heuristic's result, and of the algorithm with which it begins. */
const [resultBytes, algorithmBytes] = [96, 64];

/** What cuBLASLt may use besides the operands; products of one stream share it. */
export const workspaceBytes = 2 ** 25;

/** A product that is ready to be launched again and again. */
export interface PreparedProduct {
  readonly descriptor: bigint;
  readonly layouts: readonly [a: bigint, b: bigint, y: bigint];
  readonly algorithm: Uint8Array;
}

/** Addresses of a product's operands in device memory. */
export interface ProductAddresses {
  readonly a: bigint;
  readonly b: bigint;
  readonly y: bigint;
  readonly to: bigint;
  /** Of the factor and of zero, if the factor is in device memory. */
  readonly alpha: { readonly factor: bigint; readonly zero: bigint } | undefined;
}

export class CublasLt {
  readonly #library: Library<keyof typeof signatures>;
  readonly #handle: bigint;
  readonly #preference: bigint;
  readonly #prepared = new Map<string, PreparedProduct>();

  constructor(koffi: Koffi, driverMajor: number) {
    const [path] = findLibrary('cublasLt', driverMajor);
    this.#library = new Library(
      koffi.load(path!),
      signatures,
      (name, status) => new CudaError(`${name} failed with status ${status}; ${remedy}`, status),
    );
    this.#handle = this.#library.make('cublasLtCreate');
    this.#preference = this.#library.make('cublasLtMatmulPreferenceCreate');
    const bytes = BigUint64Array.of(BigInt(workspaceBytes));
    this.#library.call('cublasLtMatmulPreferenceSetAttribute', this.#preference, maxWorkspace, bytes, 8);
  }

  dispose(): void {
    this.#library.call('cublasLtDestroy', this.#handle);
  }

  /** Chooses an algorithm; the same for products of one shape. @throws CudaError if there is none */
  prepare(product: Product): PreparedProduct {
    const { a, b, y, m, n, k, alpha } = product;
    const sides = [a, b].map(({ columns, transposed = false }) => `${columns}${transposed ? 't' : ''}`);
    const key = [a.tensor.dtype, y.dtype, m, n, k, ...sides, alpha ? 'alpha' : ''].join();
    const known = this.#prepared.get(key);
    if (known) return known;
    const isInteger = y.dtype === 'i32';
    const descriptor = this.#library.make(
      'cublasLtMatmulDescCreate',
      computeTypes[isInteger ? 'i32' : 'f32'],
      dataTypes[isInteger ? 'i32' : 'f32'],
    );
    this.#set(descriptor, attributes.transposeA, b.transposed ? 1 : 0);
    this.#set(descriptor, attributes.transposeB, a.transposed ? 1 : 0);
    if (alpha) this.#set(descriptor, attributes.pointerMode, alphaOnDevice);
    const result = this.#layout(y.dtype, n, m, n);
    const layouts = [this.#operand(b, k, n), this.#operand(a, m, k), result] as const;
    const algorithm = this.#choose(product, descriptor, layouts);
    const prepared = { descriptor, layouts, algorithm };
    this.#prepared.set(key, prepared);
    return prepared;
  }

  launch(
    { descriptor, layouts, algorithm }: PreparedProduct,
    { a, b, y, to, alpha }: ProductAddresses,
    isInteger: boolean,
    workspace: bigint,
    stream: bigint,
  ): void {
    const [layoutA, layoutB, layoutY] = layouts;
    const number = (value: number) => (isInteger ? Int32Array.of(value) : Float32Array.of(value));
    const factor = alpha ? alpha.factor : number(1);
    const rest = alpha ? alpha.zero : number(to ? 1 : 0);
    this.#library.call(
      'cublasLtMatmul',
      ...[this.#handle, descriptor, factor, b, layoutA, a, layoutB, rest, to || y, layoutY, y, layoutY],
      ...[algorithm, workspace, workspaceBytes, stream],
    );
  }

  #set(descriptor: bigint, attribute: number, value: number): void {
    this.#library.call('cublasLtMatmulDescSetAttribute', descriptor, attribute, Int32Array.of(value), 4);
  }

  /** The layout of an operand that is [rows, columns] once it is transposed as asked, in row-major order. */
  #operand({ tensor, columns: stride, transposed }: MatrixOperand, rows: number, columns: number): bigint {
    return transposed
      ? this.#layout(tensor.dtype, rows, columns, stride)
      : this.#layout(tensor.dtype, columns, rows, stride);
  }

  #layout(dtype: string, rows: number, columns: number, stride: number): bigint {
    const type = dataTypes[dtype as keyof typeof dataTypes];
    return this.#library.make('cublasLtMatrixLayoutCreate', type, rows, columns, stride);
  }

  #choose(product: Product, descriptor: bigint, [a, b, y]: PreparedProduct['layouts']): Uint8Array {
    const result = new Uint8Array(resultBytes);
    const count = new Int32Array(1);
    const status = this.#library.status(
      'cublasLtMatmulAlgoGetHeuristic',
      ...[this.#handle, descriptor, a, b, y, y, this.#preference, 1, result, count],
    );
    if (status !== 0 || count[0] === 0) {
      const { m, n, k } = product;
      throw new CudaError(
        `cuBLASLt has no algorithm for ${product.product}: ${product.a.tensor.dtype}, ${m} × ${n} × ${k} (status ${status})`,
        status,
      );
    }
    return result.slice(0, algorithmBytes);
  }
}
