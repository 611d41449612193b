/**
 * Products of many rows with grouped codes: a workgroup computes 64 rows × 128 outputs (64 of int8 codes), from tiles
 * of one block of columns each, whose integer sums are multiplied by the block's m and by the group's scale.
 */
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { tileLanes } from './packed.ts';
import { biased, type GroupedProduct, kinds, scaleAt, sizesOf, tensorsOf } from './product.wgsl.ts';

const tokens = [0, 1, 2, 3];

/** How an invocation's outputs are spread: vectors of four, and the rows that share a word. */
const spreads = {
  /** Two lanes, each a vector of its four planes. */
  ternary: { lanes: 2, lane: (v: number) => v, plane: (_: number, c: number) => c, vectors: 2 },
  /** One lane, whose eight planes are two vectors. */
  binary: { lanes: 1, lane: () => 0, plane: (v: number, c: number) => 4 * v + c, vectors: 2 },
  /** Four rows, a vector of them. */
  i8: { lanes: 4, lane: (_: number, c: number) => c, plane: () => 0, vectors: 1 },
} as const;

/** Shader code for each vector v of four outputs; `parts` are those of its components. */
function eachVector(type: keyof typeof spreads, code: (v: number, parts: (part: Part) => string) => string) {
  const { vectors, lane, plane } = spreads[type];
  return Array.from({ length: vectors }, (_, v) =>
    code(v, (part) => [0, 1, 2, 3].map((c) => part(lane(v, c), plane(v, c))).join(', ')),
  );
}
type Part = (lane: number, plane: number) => string;

export function tilesOfRows(t: GroupedProduct): Dispatch {
  const type = t.codes.dtype as keyof typeof spreads;
  const { taken, numbers } = sizesOf(t);
  const words = taken / 4;
  const laneCount = 16 * spreads[type].lanes;
  const loads = Array.from({ length: spreads[type].lanes }, (_, h) => h);
  const dot: Part = (lane, plane) => `dot4I8Packed(a[N], ${codeOf(type, `w${lane}`, plane)})`;
  const perToken = (code: (n: number) => string) => tokens.map(code).join('\n      ');
  const vectors = (code: (v: number, parts: (part: Part) => string) => string) =>
    eachVector(type, code).join('\n      ');
  return {
    shader: 'groupedTiles',
    code: `
// Words of four columns: [words, 64 tokens], four tokens to a vector, and [words, lanes].
var<workgroup> tileQ: array<vec4u, ${16 * words}>;
var<workgroup> tileW: array<u32, ${words * (laneCount + 1)}>;
${scaleAt(t.scales)}
${placeOf(type)}

fn activations(token: u32, word: u32) -> u32 {
  if (token < p.rows) { return q[token * p.words + word]; }
  return 0u;
}

@compute @workgroup_size(16, 16)
fn main(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) me: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let firstLane = group.x * ${laneCount}u;
  let firstToken = group.y * 64u;
  let token = firstToken + 4u * local.y;
  let k = me % ${words}u;
  ${perToken((n) => vectors((v) => `var sum${n}${v} = vec4f();`))}
  for (var piece = 0u; piece < p.pieces; piece++) {
    let word = piece * ${words}u + k;
    if (me < ${16 * words}u) {
      let four = firstToken + 4u * (me / ${words}u);
      tileQ[k * 16u + me / ${words}u] = vec4u(${tokens.map((n) => `activations(four + ${n}u, word)`).join(', ')});
    }
    for (var lane = me / ${words}u; lane < ${laneCount}u; lane += ${256 / words}u) {
      tileW[k * ${laneCount + 1}u + lane] = wordOf(firstLane + lane, word);
    }
    workgroupBarrier();
    var all = vec4i();
    ${perToken((n) => vectors((v) => `var s${n}${v} = vec4i();`))}
    for (var j = 0u; j < ${words}u; j++) {
      let a = tileQ[j * 16u + local.y];
      ${loads.map((h) => `let w${h} = tileW[j * ${laneCount + 1}u + local.x + ${16 * h}u];`).join(' ')}
      ${type === 'i8' ? '' : `all += vec4i(${tokens.map((n) => `dot4I8Packed(a[${n}], 0x01010101u)`).join(', ')});`}
      ${perToken((n) => vectors((v, parts) => `s${n}${v} += vec4i(${parts(dot)});`).replaceAll('a[N]', `a[${n}]`))}
    }
    let g = piece / p.perGroup;
    ${vectors((v, parts) => `let scale${v} = vec4f(${parts((lane, plane) => `scaleOf(firstLane + local.x + ${16 * lane}u, ${plane}u, g)`)});`)}
    ${perToken(
      (n) => `let m${n} = units[min(token + ${n}u, p.rows - 1u) * p.blocks + piece / p.perBlock];
      ${vectors((v) => `sum${n}${v} += vec4f((${codeValue(type, `s${n}${v}`, `all[${n}]`)}) * m${n}) * scale${v};`)}`,
    )}
    workgroupBarrier();
  }
  ${perToken((n) =>
    vectors((v) =>
      [0, 1, 2, 3]
        .map((c) => {
          const { lane, plane } = spreads[type];
          const at = `firstLane + local.x + ${16 * lane(v, c)}u, ${plane(v, c)}u`;
          return `writeOut(token + ${n}u, ${at}, sum${n}${v}[${c}]);`;
        })
        .join(' '),
    ),
  )}
}

fn writeOut(token: u32, lane: u32, plane: u32, sum: f32) {
  let o = outputOf(lane, plane);
  if (token < p.rows && o < p.out) { y[token * p.out + o] = unit[token] * sum${biased(t.bias, 'o')}; }
}`,
    tensors: tensorsOf(t),
    numbers,
    workgroups: [Math.ceil(lanesOf(type, numbers.out) / laneCount), Math.ceil(numbers.rows / 64), 1],
  };
}

/** Lanes of a whole matrix, the last tile's counted as if it were whole. */
function lanesOf(type: keyof typeof spreads, out: number): number {
  return type === 'i8' ? out : Math.ceil(out / (kinds[type].planes * tileLanes)) * tileLanes;
}

function codeOf(type: keyof typeof spreads, word: string, plane: number): string {
  if (type === 'i8') return word;
  const { planes, mask } = kinds[type];
  return `(${word} >> ${(8 / planes) * plane}u) & ${mask}`;
}

function codeValue(type: keyof typeof spreads, sum: string, all: string): string {
  return type === 'i8' ? sum : kinds[type].value(sum).replace('all', `vec4i(${all})`);
}

/** The word, the scales and the outputs of a lane; what has no output gives one past the last. */
function placeOf(type: keyof typeof spreads): string {
  if (type === 'i8') {
    return `
fn wordOf(lane: u32, word: u32) -> u32 { return codes[min(lane, p.out - 1u) * p.words + word]; }
fn scaleOf(lane: u32, plane: u32, g: u32) -> f32 { return scaleAt(min(lane, p.out - 1u) * p.groups + g); }
fn outputOf(lane: u32, plane: u32) -> u32 { return lane; }`;
  }
  const { planes } = kinds[type];
  const height = planes * tileLanes;
  return `
fn heightOf(tile: u32) -> u32 { return min(${height}u, p.out - min(tile * ${height}u, p.out)); }
fn lanesOf(tile: u32) -> u32 { return (heightOf(tile) + ${planes - 1}u) / ${planes}u; }

fn wordOf(lane: u32, word: u32) -> u32 {
  let tile = lane / ${tileLanes}u;
  let lanes = lanesOf(tile);
  if (lane % ${tileLanes}u >= lanes) { return 0u; }
  return codes[tile * p.words * ${tileLanes}u + word * lanes + lane % ${tileLanes}u];
}

fn outputOf(lane: u32, plane: u32) -> u32 {
  let tile = lane / ${tileLanes}u;
  let row = plane * lanesOf(tile) + lane % ${tileLanes}u;
  return select(p.out, tile * ${height}u + row, lane % ${tileLanes}u < lanesOf(tile) && row < heightOf(tile));
}

fn scaleOf(lane: u32, plane: u32, g: u32) -> f32 {
  let o = outputOf(lane, plane);
  let first = lane / ${tileLanes}u * ${height}u;
  return scaleAt(select(0u, first * p.groups + g * heightOf(first / ${height}u) + o - first, o < p.out));
}`;
}
