/**
 * How Transformers are mostly run: matrices of 16, 8 or 4 bits. Only the 16 bits are run and measured by the studies; the
 * others are counted by the formulas of their papers, which leave embedding, head and norms as they are.
 */
import type { ParameterSpec } from '../model/parameters.ts';
import { elementCount } from '../program/tensor.ts';

export interface WeightFormat {
  /** Used in tables. */
  readonly label: string;
  readonly source: string;
  /** Bits of a weight, scales included, in a matrix with rows of this width. */
  bits(width: number): number;
  /** In which numbers its products are computed. */
  readonly products: 'bf16' | 'int8';
}

export const weightFormats: readonly WeightFormat[] = [
  { label: 'bf16', source: '16 bits a weight', bits: () => 16, products: 'bf16' },
  {
    label: 'int8',
    source:
      '8 bits and an f32 scale a row, products of int8 (Dettmers et al. 2022, LLM.int8(), without its outliers)',
    bits: (width) => 8 + 32 / width,
    products: 'int8',
  },
  {
    label: '4 bits',
    source:
      '4 bits, with an f16 scale and a 4-bit zero for each group of 128, products of bf16 (Frantar et al. 2022, GPTQ; ' +
      'Lin et al. 2023, AWQ)',
    bits: () => 4 + 20 / 128,
    products: 'bf16',
  },
];

/** Whether a format changes this parameter: the matrices of blocks. */
export function isReduced({ name, role }: ParameterSpec): boolean {
  return role === 'matrix' && !name.startsWith('lm_head');
}

/** Bytes of all parameters of a dense model; what a format leaves has 16 bits in matrices and 32 in vectors. */
export function weightBytes(specs: readonly ParameterSpec[], format: WeightFormat): number {
  return specs.reduce((sum, spec) => sum + parameterBytes(spec, format), 0);
}

export function parameterBytes(spec: ParameterSpec, { bits }: WeightFormat): number {
  const { role, shape } = spec;
  const each = isReduced(spec) ? bits(shape[shape.length - 1]!) : role === 'vector' ? 32 : 16;
  return (elementCount(shape) * each) / 8;
}

export function describeFormats(): string {
  return weightFormats.map(({ label, source }) => `${label}: ${source}`).join('; ');
}
