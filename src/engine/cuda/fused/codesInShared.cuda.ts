/**
 * Packed codes on their way from memory: each warp has a ring of pieces in shared memory, and fills it before the row that
 * they are multiplied with is there. A lane reads only what it has asked for itself, so that no other thread
 * is waited for.
 *
 * The codes of a block's rows are pieces one after the other, of which each warp takes an equal share, wherever rows end.
 */

/** A block's codes: as many lines as it has packed rows of all matrices, each of so many vectors of 16 codes. */
export interface Lines {
  readonly warps: number;
  readonly lines: number;
  readonly vectors: number;
}

export interface Ring extends Lines {
  /** Vectors of a lane in a piece, and pieces in a line. */
  readonly each: number;
  readonly pieces: number;
  /** Pieces of a warp that are on their way at the same time. */
  readonly depth: number;
  readonly bytes: number;
}

/** A lane's vectors in a piece, at most; and shares of warps may be longer by this factor than pieces of one vector make them. */
const maxEach = 4;
const maxLonger = 1.1;
/** Vectors that a lane asks for before it needs the first: more fill the queues of memory, and whoever asks waits. */
const maxAhead = 8;
/** Shared memory that kernels have besides, or that the card itself uses. */
const reservedBytes = 8192;

/** @param room bytes of shared memory that the block has */
export function ringOf({ warps, lines, vectors }: Lines, room: number): Ring {
  const chunks = Math.ceil(vectors / 32);
  const share = (each: number) => Math.ceil((lines * Math.ceil(chunks / each)) / warps);
  let each = maxEach;
  while (each > 1 && share(each) * each > maxLonger * share(1)) each--;
  const bytesOfPiece = 512 * each * warps;
  const fitting = Math.floor((room - reservedBytes) / bytesOfPiece);
  const depth = Math.max(Math.min(share(each), fitting, Math.floor(maxAhead / each)), 1);
  const pieces = Math.ceil(chunks / each);
  return { warps, lines, vectors, each, pieces, depth, bytes: depth * bytesOfPiece };
}

/** Products of codes where they lie in their bytes. */
export const dotFunctions = `
__device__ inline int dotCodes(unsigned activations, unsigned codes, int sum) {
  int y; asm("dp4a.s32.u32 %0, %1, %2, %3;" : "=r"(y) : "r"(activations), "r"(codes), "r"(sum)); return y;
}
`;

/** `codes` of line `line`, which is a packed row of one of `count` matrices. */
function codesOf(line: string, count: number): string {
  const names = Array.from({ length: count }, (_, k) => `codes${k}`);
  return names.reduceRight((others, name, k) => `${line} % ${count} == ${k} ? ${name} : ${others}`);
}

/** Asks for a warp's first pieces. A thread knows `warp`, `lane`, and the block's `rows` from `firstRow` on. */
export function fetchAhead(
  { warps, vectors, each, pieces, depth }: Ring,
  ring: string,
  count: number,
): string {
  return `
  const unsigned pieces = rows * ${count * pieces}, firstPiece = warp * pieces / ${warps}, endPiece = (warp + 1) * pieces / ${warps};
  uint4* const ring = ${ring} + warp * ${depth * each * 32} + lane;
  unsigned fetched = firstPiece, slotFetched = 0;
  auto fetch = [&]() {
    if (fetched < endPiece) {
      const unsigned line = fetched / ${pieces}, first = fetched % ${pieces} * ${32 * each} + lane;
      const unsigned char* const codes = ${codesOf('line', count)};
      const uint4* const from = (const uint4*)codes + (size_t)(firstRow + line / ${count}) * ${vectors};
      #pragma unroll
      for (int n = 0; n < ${each}; n++)
        if (first + 32 * n < ${vectors}) copyLater(ring + (slotFetched * ${each} + n) * 32, from + first + 32 * n);
      fetched++;
      slotFetched = slotFetched + 1 == ${depth} ? 0 : slotFetched + 1;
    }
    endGroup();
  };
  #pragma unroll 1
  for (int n = 0; n < ${depth}; n++) fetch();`;
}

/** Of 16 codes `w` of each of four rows with activations `a`. */
const products = ['x', 'y', 'z', 'w']
  .map((word) =>
    ['0x03030303u', '0x0c0c0c0cu', '0x30303030u', '0xc0c0c0c0u']
      .map((mask, p) => `dots[${p}] = dotCodes(a.${word}, w.${word} & ${mask}, dots[${p}]);`)
      .join(' '),
  )
  .join('\n        ');

/**
 * Adds the products of the pieces to `sums`, four for each line. Sum p is 4^p times too large: its codes are dotted where
 * they lie in their bytes. Sums are integers, so that the order of the warps does not matter.
 */
export function consume({ vectors, each, pieces, depth }: Ring, count: number): string {
  return `
  unsigned line = firstPiece / ${pieces}, piece = firstPiece % ${pieces}, slot = 0;
  int dots[4] = {};
  for (unsigned at = firstPiece; at < endPiece; at++) {
    waitForGroups<${depth - 1}>();
    const uint4* const activations = q + line % ${count} * ${vectors};
    const unsigned first = piece * ${32 * each} + lane;
    #pragma unroll
    for (int n = 0; n < ${each}; n++) {
      if (first + 32 * n < ${vectors}) {
        const uint4 w = ring[(slot * ${each} + n) * 32], a = activations[first + 32 * n];
        ${products}
      }
    }
    fetch();
    slot = slot + 1 == ${depth} ? 0 : slot + 1;
    piece++;
    if (piece == ${pieces} || at + 1 == endPiece) {
      #pragma unroll
      for (int p = 0; p < 4; p++) dots[p] = warpTotal(dots[p]);
      if (lane < 4) atomicAdd(sums + 4 * line + lane, lane == 0 ? dots[0] : lane == 1 ? dots[1] : lane == 2 ? dots[2] : dots[3]);
      #pragma unroll
      for (int p = 0; p < 4; p++) dots[p] = 0;
    }
    if (piece == ${pieces}) { piece = 0; line++; }
  }
  waitForGroups<0>();`;
}
