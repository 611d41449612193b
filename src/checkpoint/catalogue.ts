/**
 * Models that people know, under short names. Memory is what the loader makes of the models' configurations, rounded
 * (catalogue.test.ts); downloads are the publishers' files. `pull` shows the exact sizes. The list is data: adding a model
 * is adding an entry.
 */

export interface CatalogueEntry {
  /** The name that commands accept. */
  readonly name: string;
  readonly family: 'bitnet' | 'llama' | 'qwen3' | 'hgrn_bit';
  readonly parameters: number;
  /** Bits of a weight in the projections. */
  readonly bits: number;
  /** Bytes, about. */
  readonly download: number;
  /** Bytes of the weights in memory, about. */
  readonly memory: number;
  readonly license: string;
  /** Repository on the Hugging Face Hub. */
  readonly repository: string;
  /** Matches the GGUF file of the repository; without it, the whole repository is a model folder. */
  readonly file?: RegExp;
  readonly goodFor: string;
}

const GB = 1e9;

export const catalogue: readonly CatalogueEntry[] = [
  {
    name: 'bitnet-2b4t',
    ...{ family: 'bitnet', parameters: 2.4 * GB, bits: 1.58, download: 1.18 * GB, memory: 1.18 * GB },
    ...{ license: 'MIT', repository: 'microsoft/bitnet-b1.58-2B-4T' },
    goodFor: 'chat in English; trained ternary from the start on 4 T tokens',
  },
  ...(['1B', '3B'] as const).map(
    (size): CatalogueEntry => ({
      name: `falcon-e-${size.toLowerCase()}`,
      ...{ family: 'llama', bits: 1.58, license: 'Falcon-LLM' },
      ...(size === '1B'
        ? { parameters: 1.8 * GB, download: 0.64 * GB, memory: 0.64 * GB }
        : { parameters: 3 * GB, download: GB, memory: GB }),
      repository: `tiiuae/Falcon-E-${size}-Instruct`,
      goodFor: size === '1B' ? 'chat on phones and small boards' : 'chat in less than 1 GB',
    }),
  ),
  ...bonsai('ternary-bonsai', 'Ternary-Bonsai', 2.125, /-Q2_0\.gguf$/i, [0.46, 1.07, 2.18]),
  ...bonsai('bonsai', 'Bonsai', 1.125, /^(?!.*F16).*\.gguf$/i, [0.24, 0.57, 1.15]),
  {
    name: 'trilm-3.9b',
    ...{ family: 'llama', parameters: 3.99 * GB, bits: 1.58, download: 7.98 * GB, memory: 7.98 * GB },
    ...{ license: 'Apache-2.0', repository: 'SpectraSuite/TriLM_3.9B_Unpacked' },
    goodFor: 'research (a base model); floats until "plusminus convert --to packed" packs them',
  },
  ...(
    [
      ['370M', 0.37, 0.15],
      ['1.3B', 1.36, 0.46],
      ['2.7B', 2.7, 0.82],
    ] as const
  ).map(
    ([size, billions, memory]): CatalogueEntry => ({
      name: `mmfree-${size.toLowerCase()}`,
      ...{ family: 'hgrn_bit', parameters: billions * GB, bits: 1.58, license: 'Apache-2.0' },
      ...{ download: 2 * billions * GB, memory: memory * GB },
      repository: `ridger/MMfreeLM-${size}`,
      goodFor: 'research: the MatMul-free models of the paper (base models)',
    }),
  ),
];

/** PrismML's models in three sizes, made from Qwen 3; embedding and head are codes too. */
function bonsai(
  name: string,
  published: string,
  bits: number,
  file: RegExp,
  gigabytes: readonly [number, number, number],
): CatalogueEntry[] {
  const sizes = [
    ['1.7B', 1.72, 'chat in a browser tab, in many languages'],
    ['4B', 4, 'chat, tools and structured answers on a laptop'],
    ['8B', 8.19, 'the same with more memory'],
  ] as const;
  return sizes.map(([size, billions, goodFor], i) => ({
    name: `${name}-${size.toLowerCase()}`,
    ...{ family: 'qwen3', parameters: billions * GB, bits, license: 'Apache-2.0' },
    ...{ download: gigabytes[i]! * GB, memory: gigabytes[i]! * GB },
    ...{ repository: `prism-ml/${published}-${size}-gguf`, file, goodFor },
  }));
}

/** The entry with this name, in any case. */
export function findInCatalogue(name: string): CatalogueEntry | undefined {
  return catalogue.find((entry) => entry.name === name.toLowerCase());
}
