/**
 * Decoding in few dispatches. For one token, or a few, a projection is so little work that starting a shader costs
 * more than running it. So one shader does all of a stretch of a block: what comes before the projections (a norm),
 * BitLinear's own norm and quantiser, the ternary products, and what becomes of them. Every workgroup normalises and
 * quantises the whole row for itself, which costs less than another dispatch, and then takes some rows of weights.
 */
import type { Dispatch, GpuFeatures } from '../../program/op.ts';
import type { Tensor } from '../../program/tensor.ts';
import { dotWord } from '../bitLinear/product.wgsl.ts';
import { epsilon as linearEpsilon } from '../bitLinear/reference.ts';
import { rowsOf } from '../shapes.ts';
import { activations } from '../wgsl.ts';

/** What comes before: nothing, RMSNorm(x; gamma), or RMSNorm(x; gamma) ⊙ SiLU(h). */
export type Prologue =
  | { readonly kind: 'none' }
  | { readonly kind: 'rmsNorm'; readonly gamma: Tensor; readonly epsilon: number }
  | { readonly kind: 'gatedNorm'; readonly h: Tensor; readonly gamma: Tensor; readonly epsilon: number };

/** What becomes of the products y0, y1, …: see `store` below. */
export type Epilogue =
  | { readonly kind: 'none'; readonly y: Tensor }
  | { readonly kind: 'add'; readonly to: Tensor; readonly y: Tensor }
  | { readonly kind: 'swiglu'; readonly y: Tensor }
  | {
      readonly kind: 'mlgru';
      readonly start: Tensor | undefined;
      readonly bounds: Tensor | undefined;
      readonly layer: number;
      readonly h: Tensor;
      readonly last: Tensor;
      readonly g: Tensor;
    };

export interface FusedProjections {
  readonly x: Tensor;
  readonly prologue: Prologue;
  readonly matrices: readonly Readonly<Record<'norm' | 'codes' | 'scale', Tensor>>[];
  readonly epilogue: Epilogue;
}

/** Most vectors of four columns that a lane holds in registers. */
const mostLoads = 16;
/** Workgroups that keep a large GPU busy. */
const enoughWorkgroups = 128;

/** How a row of `width` is cut: lanes of a workgroup, and how many of them share a packed row of weights. */
function cut(t: FusedProjections) {
  const [out, width] = t.matrices[0]!.codes.shape as [number, number];
  const packed = Math.ceil(out / 4);
  const blocks = width / 16;
  const perRow = Math.min(2 ** Math.ceil(Math.log2(blocks)), 64);
  const lanes = Math.max(Math.ceil((packed * perRow) / 256) >= enoughWorkgroups ? 256 : 128, perRow);
  return { out, width, packed, blocks, perRow, lanes, loads: Math.ceil(width / 4 / lanes) };
}

export function suitsFusing(t: FusedProjections, { mostBindings }: GpuFeatures): boolean {
  const { width, loads } = cut(t);
  return width % 16 === 0 && loads <= mostLoads && Object.keys(tensorsOf(t)).length <= mostBindings;
}

/** By the names under which the shader knows them. */
function tensorsOf({ x, prologue, matrices, epilogue }: FusedProjections): Record<string, Tensor> {
  const { kind: _before, epsilon: _epsilon, ...before } = { epsilon: 0, ...prologue };
  const { kind: _after, layer: _layer, ...after } = { layer: 0, ...epilogue };
  const projections = matrices.flatMap((matrix, k) =>
    Object.entries(matrix).map(([name, tensor]) => [`${name}${k}`, tensor]),
  );
  const after2 = Object.entries(after).map(([name, tensor]) => [name === 'h' ? 'hidden' : name, tensor]);
  const all = [['x', x], ...Object.entries(before), ...projections, ...after2];
  return Object.fromEntries(all.filter(([, tensor]) => tensor));
}

export function fusedProjections(t: FusedProjections, { subgroupSize }: GpuFeatures): Dispatch {
  const { out, width, packed, blocks, perRow, lanes, loads } = cut(t);
  const rows = lanes / perRow;
  const words = width / 4;
  const each = (body: (k: number) => string, joint = '\n    ') =>
    t.matrices.map((_, k) => body(k)).join(joint);
  const columns = (body: (j: number, at: string) => string) =>
    Array.from({ length: loads }, (_, j) => body(j, `(lane + ${j * lanes}u)`)).join('\n  ');
  const vectors = ['x', 'h', 'gamma', ...t.matrices.flatMap((_, k) => [`norm${k}`, `codes${k}`])];
  const { prologue, epilogue } = t;
  return {
    shader: `fused.${prologue.kind}.${t.matrices.length}.${epilogue.kind}`,
    requires: subgroupSize && perRow % subgroupSize === 0 ? ['subgroups'] : [],
    code: `${activations}${dotWord}
fn gateOf(x: vec4f) -> vec4f { return x * vec4f(sigmoid(x.x), sigmoid(x.y), sigmoid(x.z), sigmoid(x.w)); }
const lanes = ${lanes}u;
// The quantised row, once for each matrix, whose norms differ.
var<workgroup> q: array<u32, ${words * t.matrices.length}>;
var<workgroup> rowSums: array<vec4i, ${lanes * t.matrices.length}>;

fn packed4(four: vec4i) -> u32 {
  let bytes = (vec4u(four) & vec4u(0xffu)) << vec4u(0u, 8u, 16u, 24u);
  return bytes.x | bytes.y | bytes.z | bytes.w;
}

@compute @workgroup_size(lanes)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  let token = group.y;
  let base = token * ${words}u;
  ${columns((j, at) => `var v${j} = vec4f(); if (${at} < ${words}u) { v${j} = x[base + ${at}]; }`)}
  ${normalised(prologue, columns, words)}
  var squares = 0.0;
  ${columns((j) => `squares += dot(v${j}, v${j});`)}
  let r = 1.0 / sqrt(workgroupSum(squares, lane) / f32(p.width) + p.epsilon);
  ${each((k) => quantised(k, columns, words))}
  workgroupBarrier();

  let row = group.x * ${rows}u + lane / ${perRow}u;
  ${each((k) => `var sums${k} = vec4i();`, ' ')}
  if (row < p.packed) {
    for (var block = lane % ${perRow}u; block < ${blocks}u; block += ${perRow}u) {
      ${each((k) => {
        const word = (i: number) => `q[${words * k}u + 4u * block + ${i}u]`;
        const terms = [0, 1, 2, 3].map((i) => `dotWord(${word(i)}, w${k}[${i}])`);
        return `let w${k} = codes${k}[row * ${blocks}u + block];\n      sums${k} += ${terms.join(' + ')};`;
      }, '\n      ')}
    }
  }
  ${each((k) => rowTotal(k, perRow, lanes, subgroupSize), '\n  ')}
  if (lane % ${perRow}u != 0u || row >= p.packed) { return; }
  ${each((k) => `let y${k} = vec4f(sums${k} - vec4i(count${k})) * (scale${k}[0] * (largest${k} / 127.0));`, '\n  ')}
  for (var plane = 0u; plane < ${epilogue.kind === 'swiglu' ? 2 : 4}u; plane++) {
    let o = row + plane * p.packed;
    ${store(epilogue)}
  }
}`,
    tensors: tensorsOf(t),
    types: Object.fromEntries(vectors.map((name) => [name, name.startsWith('codes') ? 'vec4u' : 'vec4f'])),
    numbers: {
      ...{ width, packed, out, layer: epilogue.kind === 'mlgru' ? epilogue.layer : 0 },
      ...{ epsilon: { f32: linearEpsilon }, before: { f32: 'epsilon' in prologue ? prologue.epsilon : 0 } },
    },
    workgroups: [Math.ceil(packed / rows), rowsOf(t.x), 1],
  };
}

type Columns = (body: (j: number, at: string) => string) => string;

/** The prologue, on the values in registers. */
function normalised(prologue: Prologue, columns: Columns, words: number): string {
  if (prologue.kind === 'none') return '';
  const gate = prologue.kind === 'gatedNorm' ? ' * gateOf(h[base + AT])' : '';
  return `
  var before = 0.0;
  ${columns((j) => `before += dot(v${j}, v${j});`)}
  let r0 = 1.0 / sqrt(workgroupSum(before, lane) / f32(p.width) + p.before);
  ${columns((j, at) => `if (${at} < ${words}u) { v${j} = v${j} * r0 * gamma[${at}]${gate.replace('AT', at)}; }`)}`;
}

/** Row times norm ${k} in int8, with its largest value and its sum. */
function quantised(k: number, columns: Columns, words: number): string {
  const normed = (j: number, at: string) => `v${j} * r * norm${k}[${at}]`;
  return `
  var top${k} = vec4f();
  ${columns((j, at) => `if (${at} < ${words}u) { top${k} = max(top${k}, abs(${normed(j, at)})); }`)}
  let largest${k} = max(workgroupMax(max(max(top${k}.x, top${k}.y), max(top${k}.z, top${k}.w)), lane), 1e-5);
  let s${k} = 127.0 / largest${k};
  var total${k} = vec4i();
  ${columns(
    (j, at) => `if (${at} < ${words}u) {
    let four = clamp(vec4i(round(${normed(j, at)} * s${k})), vec4i(-128), vec4i(127));
    total${k} += four;
    q[${words * k}u + ${at}] = packed4(four);
  }`,
  )}
  let count${k} = workgroupCount(total${k}.x + total${k}.y + total${k}.z + total${k}.w, lane);`;
}

/** The sums of a row's lanes, in the first of them. */
function rowTotal(k: number, perRow: number, lanes: number, subgroupSize: number | undefined): string {
  const at = `${lanes * k}u + lane`;
  if (subgroupSize && perRow % subgroupSize === 0) {
    const others = Array.from({ length: perRow / subgroupSize - 1 }, (_, i) => (i + 1) * subgroupSize);
    return `sums${k} = subgroupAdd(sums${k});
  ${others.length ? `rowSums[${at}] = sums${k};\n  workgroupBarrier();` : ''}
  if (lane % ${perRow}u == 0u) { ${others.map((i) => `sums${k} += rowSums[${at} + ${i}u];`).join(' ')} }`;
  }
  const halves: number[] = [];
  for (let half = perRow / 2; half >= 1; half /= 2) halves.push(half);
  return `rowSums[${at}] = sums${k};
  ${halves
    .map(
      (half) => `workgroupBarrier();
  if (lane % ${perRow}u < ${half}u) { rowSums[${at}] += rowSums[${at} + ${half}u]; }`,
    )
    .join('\n  ')}
  sums${k} = rowSums[${at}];`;
}

/** What becomes of output `o`, which is plane `plane` of the products. */
function store(epilogue: Epilogue): string {
  const at = 'token * p.out + o';
  switch (epilogue.kind) {
    case 'none':
      return `if (o < p.out) { y[${at}] = y0[plane]; }`;
    case 'add':
      return `if (o < p.out) { y[${at}] = to[${at}] + y0[plane]; }`;
    case 'swiglu': // the first half of the outputs, two planes, are gates of the second
      return `y[token * p.out / 2u + o] = y0[plane] * sigmoid(y0[plane]) * y0[plane + 2u];`;
    case 'mlgru':
      return `if (o < p.out) {
      let bound = ${epilogue.bounds ? 'bounds[p.layer * p.out + o]' : '0.0'};
      let f = bound + (1.0 - bound) * sigmoid(y1[plane]);
      let i = y0[plane];
      let state = ${epilogue.start ? `f * start[${at}] + ` : ''}i * sigmoid(i) * (1.0 - f);
      hidden[${at}] = state;
      last[${at}] = state;
      g[${at}] = y2[plane];
    }`;
  }
}
