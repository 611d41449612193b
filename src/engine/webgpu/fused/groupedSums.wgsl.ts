/**
 * Products of a rounded row with tiles of grouped codes, in a workgroup. Its invocations share the columns: one takes a piece
 * of them, for four lanes of every plane of the tile. Matrices that are used together are taken by a part of the invocations
 * each, their sides.
 */
import {
  dots,
  type kinds,
  pieceLoads,
  pieceSums,
  tileLoads,
} from '../../../ops/groupedLinear/product.wgsl.ts';
import type { GroupedProjections } from '../../fused/groupedProjections.ts';

export interface SumsOfTile {
  readonly kind: (typeof kinds)[keyof typeof kinds];
  /** Columns of a piece, whose products have one step and one scale. */
  readonly taken: number;
  readonly pieces: number;
  /** Matrices that a workgroup multiplies with at once. */
  readonly sides: number;
  /** Invocations of a side. */
  readonly lanes: number;
  /** Whether a workgroup takes half a tile: four of its eight lanes. */
  readonly halved: boolean;
  readonly subgroupSize: number;
}

/** Outputs of a workgroup. */
export const rowsOfGroup = ({ kind, halved }: SumsOfTile) => (halved ? 4 : 8) * kind.planes;

/** Bits of an invocation's number that say which half of the tile it takes. */
const halfBits = ({ halved }: SumsOfTile) => (halved ? 0 : 1);

/** Sums of an invocation are halved so many times: see `collect`. */
function exchangesOf(t: SumsOfTile): number {
  return Math.min(Math.max(Math.log2(t.subgroupSize) - halfBits(t), 0), Math.log2(4 * t.kind.planes));
}

/** Sums of a side that meet in the workgroup's memory, for each output. */
const slotsOf = (t: SumsOfTile) => t.lanes >> (exchangesOf(t) + halfBits(t));

export const bytesOfSums = (t: SumsOfTile) => 4 * t.sides * slotsOf(t) * rowsOfGroup(t);

/** `pieceOf`, `sumsOf`, `collect`, `total` and `outputOf`; for the product, `which` is the number of a matrix. */
export function sumsOfTile(t: SumsOfTile, matrices: GroupedProjections['matrices']): string {
  return `
${dots}
var<workgroup> sums: array<f32, ${bytesOfSums(t) / 4}>;
${matrices.map(loadsOf).join('\n')}
${pieceOf(t, matrices.length)}
${sumsOf(t)}
${collect(t)}
${total(t)}
${outputOf(t)}`;
}

/** `fourLanes`, `fourScales` of matrix k, by names of their own. */
function loadsOf(matrix: GroupedProjections['matrices'][number], k: number): string {
  const name = (text: string) =>
    text.replaceAll(/\b(codes|scales|scaleAt|fourLanes|fourScales)\b/g, `$1${k}`);
  return name(tileLoads(matrix).code).replaceAll('p.out', `p.out${k}`);
}

const list = (count: number, one: (k: number) => string, separator = ' ') =>
  Array.from({ length: count }, (_, k) => one(k)).join(separator);

/** A piece of a tile: loaded while the row is rounded, or while the piece before is multiplied. */
function pieceOf({ kind, taken }: SumsOfTile, matrices: number): string {
  const { planes } = kind;
  const words = taken / 4;
  const load = (k: number) => `case ${k}u: {
      ${pieceLoads(taken, (word) => `fourLanes${k}(tile, lanes, half, ${word})`)}
      return Piece(array<vec4u, ${words}>(${list(words, (i) => `w${i}`, ', ')}), array<vec4f, ${planes}>(${list(planes, (j) => `fourScales${k}(scaled + ${j}u * lanes)`, ', ')}));
    }`;
  return `
struct Piece { codes: array<vec4u, ${words}>, scales: array<vec4f, ${planes}> }
fn heightOf(which: u32, tile: u32) -> u32 {
  var out = p.out0;
  ${list(matrices - 1, (k) => `if (which == ${k + 1}u) { out = p.out${k + 1}; }`)}
  return min(${8 * planes}u, out - tile * ${8 * planes}u);
}
fn pieceOf(which: u32, tile: u32, half: u32, piece: u32) -> Piece {
  if (piece >= p.pieces) { return Piece(); }
  let height = heightOf(which, tile);
  let lanes = (height + ${planes - 1}u) / ${planes}u;
  let first = piece * ${words}u;
  let scaled = ${8 * planes}u * tile * p.groups + (piece / p.perGroup) * height + 4u * half;
  switch (which) {
    ${list(matrices, load, '\n    ')}
    default: { return Piece(); }
  }
}`;
}

/** `sumsOf`: the invocation's sums, from its first piece on; the pieces of other invocations lie between its own. */
function sumsOf(t: SumsOfTile): string {
  const { kind, taken, lanes, pieces } = t;
  const { planes } = kind;
  const apart = lanes >> halfBits(t);
  const isOne = pieces <= apart;
  return `
alias Sums = array<vec4f, ${planes}>;
fn sumsOf(which: u32, tile: u32, half: u32, begin: u32, early: Piece) -> Sums {
  ${list(planes, (j) => `var sum${j} = vec4f();`)}
  var next = early;
  ${isOne ? 'if (begin < p.pieces) { let piece = begin;' : `for (var piece = begin; piece < p.pieces; piece += ${apart}u) {`}
    let first = piece * ${taken / 4}u;
    ${list(taken / 4, (i) => `let w${i} = next.codes[${i}];`)}
    ${list(planes, (j) => `let scales${j} = next.scales[${j}];`)}
    ${isOne ? '' : `next = pieceOf(which, tile, half, piece + ${apart}u);`}
    let unit = m[piece / p.perBlock];
    ${pieceSums(kind, taken, (word) => `q[${word}]`)}
    ${list(planes, (j) => `sum${j} += vec4f((${kind.value(`s${j}`)}) * unit) * scales${j};`, '\n    ')}
  }
  return Sums(${list(planes, (j) => `sum${j}`, ', ')});
}`;
}

/**
 * `collect(found, side, lane)`: adds the sums of all invocations up. Those of a subgroup exchange halves of what they have: at
 * each step an invocation keeps one half and gives the other to a neighbour, which has kept that one. What is left meets
 * in `sums`.
 */
function collect(t: SumsOfTile): string {
  const { kind, halved } = t;
  const exchanges = exchangesOf(t);
  const values = 4 * kind.planes;
  const steps: string[] = [];
  let kept = Array.from({ length: kind.planes }, (_, j) => `found[${j}]`);
  for (let step = 0; step < exchanges; step++) {
    const [low, high] = halvesOf(kept, values >> step);
    const mask = 1 << (halfBits(t) + step);
    steps.push(`let upper${step} = (lane & ${mask}u) != 0u;`);
    kept = low.map((one, i) => {
      const name = `kept${step}of${i}`;
      steps.push(
        `let ${name} = select(${one}, ${high[i]!}, upper${step}) + subgroupShuffleXor(select(${high[i]!}, ${one}, upper${step}), ${mask}u);`,
      );
      return name;
    });
  }
  const left = values >> exchanges;
  const valueAt = (i: number) =>
    left >= 4 ? `${kept[i >> 2]}[${i % 4}]` : left === 2 ? `${kept[0]}[${i}]` : kept[0]!;
  const first =
    list(exchanges, (step) => `select(0u, ${values >> (step + 1)}u, upper${step})`, ' + ') || '0u';
  const place = halved ? 'value' : '(value / 4u) * 8u + (lane & 1u) * 4u + value % 4u';
  return `
fn collect(found: Sums, side: u32, lane: u32) {
  ${steps.join('\n  ')}
  let first = ${first};
  let slot = (side * ${slotsOf(t)}u + (lane >> ${exchanges + halfBits(t)}u)) * ${rowsOfGroup(t)}u;
  ${list(left, (i) => `{ let value = first + ${i}u; sums[slot + ${place}] = ${valueAt(i)}; }`, '\n  ')}
  workgroupBarrier();
}`;
}

/** Halves of a list of vectors; once there is one, of its components. */
function halvesOf(vectors: readonly string[], values: number): [low: string[], high: string[]] {
  const middle = vectors.length / 2;
  if (vectors.length > 1) return [vectors.slice(0, middle), vectors.slice(middle)];
  const [low, high] = values === 4 ? ['xy', 'zw'] : ['x', 'y'];
  return [[`${vectors[0]}.${low}`], [`${vectors[0]}.${high}`]];
}

/** `total(side, row)`: an output of the workgroup. */
function total(t: SumsOfTile): string {
  return `
fn total(side: u32, row: u32) -> f32 {
  var sum = 0.0;
  for (var slot = side * ${slotsOf(t)}u; slot < (side + 1u) * ${slotsOf(t)}u; slot++) { sum += sums[slot * ${rowsOfGroup(t)}u + row]; }
  return sum;
}`;
}

/** `outputOf(row, half, height)`: the output of a tile that a row of the workgroup is; far beyond the tile if it is none. */
function outputOf({ kind, halved }: SumsOfTile): string {
  const lanes = halved ? 4 : 8;
  return `
fn outputOf(row: u32, half: u32, height: u32) -> u32 {
  let lanes = (height + ${kind.planes - 1}u) / ${kind.planes}u;
  let lane = row % ${lanes}u${halved ? ' + 4u * half' : ''};
  let output = (row / ${lanes}u) * lanes + lane;
  return select(0xf0000000u, output, lane < lanes && output < height);
}`;
}
