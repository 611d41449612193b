/**
 * The types of GGUF's tensors: how many elements a block has and how many bytes it takes. The numbers are ggml's;
 * 36 and 142 are of bitnet.cpp's and PrismML's versions of it.
 */

export interface GgufType {
  readonly name: string;
  readonly blockElements: number;
  readonly blockBytes: number;
  /** Bytes after all blocks of a tensor. */
  readonly trailingBytes?: number;
}

const type = <const N extends string>(name: N, blockElements: number, blockBytes: number) => ({
  name,
  blockElements,
  blockBytes,
});

const supported = {
  0: type('F32', 1, 4),
  1: type('F16', 1, 2),
  2: type('Q4_0', 32, 18),
  8: type('Q8_0', 32, 34),
  12: type('Q4_K', 256, 144),
  13: type('Q5_K', 256, 176),
  14: type('Q6_K', 256, 210),
  30: type('BF16', 1, 2),
  34: type('TQ1_0', 256, 54),
  35: type('TQ2_0', 256, 66),
  // The scale of the tensor follows its codes, padded to 32 bytes.
  36: { ...type('I2_S', 128, 32), trailingBytes: 32 },
  41: type('Q1_0', 128, 18),
  42: type('Q2_0', 64, 18),
  142: type('PQ2_0', 128, 34),
} as const satisfies Record<number, GgufType>;

export type TypeName = (typeof supported)[keyof typeof supported]['name'];

/** ggml's numbers by name. */
export const typeIds = Object.fromEntries(
  Object.entries(supported).map(([id, { name }]) => [name, Number(id)]),
) as Readonly<Record<TypeName, number>>;

/** Q2_0 as PrismML wrote it first, under the same number: the layout of PQ2_0. */
export const earlierQ2 = type('Q2_0', 128, 34);

/** Types that exist and that nothing here reads, to refuse them by name. */
const unsupported: Readonly<Record<number, string>> = {
  ...{ 3: 'Q4_1', 6: 'Q5_0', 7: 'Q5_1', 9: 'Q8_1', 10: 'Q2_K', 11: 'Q3_K', 15: 'Q8_K', 16: 'IQ2_XXS' },
  ...{ 17: 'IQ2_XS', 18: 'IQ3_XXS', 19: 'IQ1_S', 20: 'IQ4_NL', 21: 'IQ3_S', 22: 'IQ2_S', 23: 'IQ4_XS' },
  ...{ 24: 'I8', 25: 'I16', 26: 'I32', 27: 'I64', 28: 'F64', 29: 'IQ1_M', 37: 'TL2 or IQ4_NL_4_8' },
  ...{ 31: 'Q4_0_4_4', 32: 'Q4_0_4_8', 33: 'Q4_0_8_8', 39: 'MXFP4', 40: 'NVFP4' },
};

export const q2Type = 42;

export function typeOf(id: number): GgufType | undefined {
  return (supported as Readonly<Record<number, GgufType>>)[id];
}

/** The type's name for an error: `Q3_K (11)`. */
export function typeLabel(id: number): string {
  const name = typeOf(id)?.name ?? unsupported[id];
  return name === undefined ? `the unknown type ${id}` : `${name} (type ${id})`;
}

export const supportedNames = [...new Set(Object.values(supported).map(({ name }) => name))].join(', ');

/** Bytes of a tensor, its elements being whole blocks. */
export function bytesOfTensor({ blockElements, blockBytes, trailingBytes = 0 }: GgufType, elements: number) {
  return (elements / blockElements) * blockBytes + trailingBytes;
}
