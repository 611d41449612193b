/** Instructions before they have registers: each virtual register is written once. */
import type { Matrix } from './streams.ts';

export interface VirtualVector {
  readonly kind: 'vector';
  readonly length: number;
}
export interface VirtualScalar {
  readonly kind: 'scalar';
}
export interface VirtualBank {
  readonly kind: 'bank';
}

export interface VirtualInstruction {
  readonly name: string;
  /** The op that it belongs to, for the assembly's comments. */
  readonly comment: string;
  /** Fields that are not registers. */
  readonly fields: Record<string, number>;
  /** Registers read, by field. */
  readonly reads: Readonly<Record<string, VirtualVector | VirtualScalar | VirtualBank>>;
  /** Registers written, by field; a reduction may be added after the instruction was made. */
  readonly writes: Record<string, VirtualVector | VirtualScalar | VirtualBank>;
  /** Instructions that have to be issued before, for the sake of memory or of `ARG`. */
  readonly after: readonly VirtualInstruction[];
  /** The weights of a product. */
  readonly matrix?: Matrix;
}
