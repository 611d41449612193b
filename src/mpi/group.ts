/**
 * Ranks that work together, as training and studies see them. Collective operations are called by every rank in
 * the same order; they run beside the calling thread, one after the other.
 */

/** Numbers that ranks reduce together. */
export type Numbers = Float32Array | Float64Array | Int32Array;

export interface Group {
  /** From 0; rank 0 alone speaks and writes. */
  readonly rank: number;
  readonly size: number;
  /** This rank's number among those of its host, and how many they are. */
  readonly local: { readonly rank: number; readonly size: number };
  /** Names of the hosts by rank. */
  readonly hosts: readonly string[];
  /** For people: whose MPI. */
  readonly description: string;
  /** Rejects when the ranks are lost, if there is somebody to say so; an MPI's launcher ends this process instead. */
  readonly lost?: Promise<never>;

  /** Replaces each element by the sum, maximum or minimum over all ranks. The order of a sum is the library's. */
  reduce(numbers: Numbers, by: 'sum' | 'max' | 'min'): Promise<void>;
  /**
   * `numbers` is one part for each rank, of equal lengths. Replaces this rank's part by its sum over all ranks;
   * the others are undefined afterwards. The order of the sum is the library's.
   */
  reduceParts(numbers: Float32Array): Promise<void>;
  /** As `reduceParts`, in an order that depends on nothing but the number of ranks: see `sumTree`. */
  reducePartsInOrder(numbers: Float32Array): Promise<void>;
  /** `numbers` is one part for each rank, of equal lengths, of which this rank has its own: fills in the others. */
  gatherParts(numbers: Float32Array): Promise<void>;
  /** Replaces the bytes of all ranks by those of `root`. */
  broadcast(bytes: Uint8Array, root?: number): Promise<void>;
  /** What each rank has to say, by rank: values that survive JSON. */
  gather<T>(value: T): Promise<T[]>;
  /** Returns when all ranks have come here. */
  barrier(): Promise<void>;
  /** As `barrier`, for long waits: takes no core meanwhile. No other operation may be under way. */
  rest(): Promise<void>;
}

/** One process without a launcher. */
export const alone: Group = {
  rank: 0,
  size: 1,
  local: { rank: 0, size: 1 },
  hosts: ['this machine'],
  description: 'one process',
  async reduce() {},
  async reduceParts() {},
  async reducePartsInOrder() {},
  async gatherParts() {},
  async broadcast() {},
  gather: async (value) => [value],
  async barrier() {},
  async rest() {},
};

/**
 * Where a sum of `count` terms is split in two: at the largest power of two below it. A rank that holds 2^k
 * neighbouring terms thus holds a whole branch of the tree, so that it does not matter how many ranks share them.
 */
export function splitOfSum(count: number): number {
  return 2 ** Math.ceil(Math.log2(count) - 1);
}

/** Σ terms as a tree whose shape depends on their number only. */
export function sumTree<T>(terms: readonly T[], add: (a: T, b: T) => T): T {
  if (terms.length <= 1) return terms[0]!;
  const split = splitOfSum(terms.length);
  return add(sumTree(terms.slice(0, split), add), sumTree(terms.slice(split), add));
}

/** The share of `count` items that a rank takes: [first, end), neighbouring ones, sizes differing by at most one. */
export function shareOf(
  count: number,
  { rank, size }: Pick<Group, 'rank' | 'size'>,
): [first: number, end: number] {
  return [Math.floor((count * rank) / size), Math.floor((count * (rank + 1)) / size)];
}
