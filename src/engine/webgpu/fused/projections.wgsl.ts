/** Decoding in few dispatches: a shader for a run of calls. Every workgroup normalises and quantises the whole row, which
 * costs less than another dispatch, and then takes some rows of weights. */
import type { Dispatch, GpuFeatures } from '../../../kernels/webgpu/dispatch.ts';
import { activations, siluFour } from '../../../kernels/webgpu/wgsl.ts';
import { dotWord } from '../../../ops/bitLinear/product.wgsl.ts';
import { int8Four } from '../../../ops/bitLinear/quantise.wgsl.ts';
import { epsilon as linearEpsilon } from '../../../ops/bitLinear/reference.ts';
import { mlgruStep } from '../../../ops/mlgru/kernel.wgsl.ts';
import { rowsOf } from '../../../program/shapes.ts';
import type { Tensor } from '../../../program/tensor.ts';
import {
  type Epilogue,
  type FusedProjections,
  type Prologue,
  projectionTensors,
} from '../../fused/projections.ts';

/** Maximum vectors of four columns that a lane holds in registers. */
const maxLoads = 16;
/** Loads of weights that start before the row is quantised. */
const maxEarly = 4;
/** Workgroups that keep a large GPU busy. */
const enoughWorkgroups = 128;

/** How a row of `width` is divided: lanes of a workgroup, and how many of them share a packed row of weights. */
function cut(t: FusedProjections) {
  const [out, width] = t.matrices[0]!.codes.shape as [number, number];
  const packed = Math.ceil(out / 4);
  const blocks = width / 16;
  const perRow = Math.min(2 ** Math.ceil(Math.log2(blocks)), 64);
  const lanes = Math.max(Math.ceil((packed * perRow) / 256) >= enoughWorkgroups ? 256 : 128, perRow);
  return { out, width, packed, blocks, perRow, lanes, loads: Math.ceil(width / 4 / lanes) };
}

export function suitsFusing(t: FusedProjections, { maxBindings }: GpuFeatures): boolean {
  const { width, loads } = cut(t);
  return width % 16 === 0 && loads <= maxLoads && Object.keys(tensorsOf(t)).length <= maxBindings;
}

/** Those that are there. */
function tensorsOf(t: FusedProjections): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(projectionTensors(t)).flatMap(([name, tensor]) => (tensor ? [[name, tensor]] : [])),
  );
}

export function fusedProjections(t: FusedProjections, { subgroupSize }: GpuFeatures): Dispatch {
  const { out, width, packed, blocks, perRow, lanes, loads } = cut(t);
  const rows = lanes / perRow;
  const words = width / 4;
  const each = (body: (k: number) => string, joint = '\n    ') =>
    t.matrices.map((_, k) => body(k)).join(joint);
  const early = Array.from({ length: Math.min(Math.ceil(blocks / perRow), maxEarly) }, (_, n) => n);
  const accumulate = (k: number, block: string, w: string) => {
    const word = (i: number) => `q[${words * k}u + 4u * ${block} + ${i}u]`;
    const four = [0, 1, 2, 3];
    return `sums${k} += ${four.map((i) => `dotWord(${word(i)}, ${w}[${i}])`).join(' + ')}; count${k} += ${four.map((i) => `dot4I8Packed(${word(i)}, 0x01010101u)`).join(' + ')};`;
  };
  const columns = (body: (j: number, at: string) => string) =>
    Array.from({ length: loads }, (_, j) => body(j, `(lane + ${j * lanes}u)`)).join('\n  ');
  const vectors = ['x', 'h', 'gamma', ...t.matrices.flatMap((_, k) => [`norm${k}`, `codes${k}`])];
  const { prologue, epilogue } = t;
  return {
    shader: `fused.${prologue.kind}.${t.matrices.length}.${epilogue.kind}`,
    requires: subgroupSize ? ['subgroups'] : [],
    code: `${activations}${mlgruStep}${siluFour}${dotWord}
const lanes = ${lanes}u;
// The quantised row, once for each matrix, because their norms differ.
var<workgroup> q: array<u32, ${words * t.matrices.length}>;
var<workgroup> rowSums: array<vec4i, ${lanes * t.matrices.length}>;

${combined(subgroupSize)}

${int8Four}
@compute @workgroup_size(lanes)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  let token = group.y;
  let base = token * ${words}u;
  let row = group.x * ${rows}u + lane / ${perRow}u;
  let mine = lane % ${perRow}u;
  // Weights are loaded while the row is quantised.
  ${each((k) => early.map((n) => `var w${k}${n} = vec4u(); if (row < p.packed && mine + ${n * perRow}u < ${blocks}u) { w${k}${n} = codes${k}[row * ${blocks}u + mine + ${n * perRow}u]; }`).join('\n  '), '\n  ')}

  // With u = x ⊙ gamma ⊙ gate, the row is r0·u, and both norms and all maxima follow from sums of a single pass.
  var sums = vec2f();
  var tops = vec4f();
  ${columns(
    (j, at) => `var v${j} = vec4f();
  if (${at} < ${words}u) {
    let value = x[base + ${at}];
    v${j} = ${scaled(prologue, at)};
    sums += vec2f(dot(value, value), dot(v${j}, v${j}));
    ${each((k) => `tops[${k}] = max(tops[${k}], largestOf(v${j} * norm${k}[${at}]));`)}
  }`,
  )}
  let found = combined(sums, tops, lane);
  let r0 = ${prologue.kind === 'none' ? '1.0' : '1.0 / sqrt(found.sums.x / f32(p.width) + p.before)'};
  let r = r0 / sqrt(found.sums.y * r0 * r0 / f32(p.width) + p.epsilon);
  ${each((k) => `let largest${k} = max(found.tops[${k}] * r, 1e-5); let s${k} = r * (127.0 / largest${k});`, '\n  ')}
  ${columns(
    (j, at) => `if (${at} < ${words}u) {
    ${each((k) => `q[${words * k}u + ${at}] = packed(rounded(v${j} * norm${k}[${at}] * s${k}));`)}
  }`,
  )}
  workgroupBarrier();

  ${each((k) => `var sums${k} = vec4i(); var count${k} = 0;`, ' ')}
  ${each((k) => early.map((n) => `if (mine + ${n * perRow}u < ${blocks}u) { ${accumulate(k, `(mine + ${n * perRow}u)`, `w${k}${n}`)} }`).join('\n  '), '\n  ')}
  ${
    early.length * perRow < blocks
      ? `if (row < p.packed) {
    for (var block = mine + ${early.length * perRow}u; block < ${blocks}u; block += ${perRow}u) {
      ${each((k) => `let w${k} = codes${k}[row * ${blocks}u + block]; ${accumulate(k, 'block', `w${k}`)}`, '\n      ')}
    }
  }`
      : ''
  }
  // A code is a weight plus one: the sum of the row's activations is subtracted again.
  ${each((k) => `sums${k} -= vec4i(count${k});`, ' ')}
  ${each((k) => rowTotal(k, perRow, lanes, subgroupSize), '\n  ')}
  if (mine != 0u || row >= p.packed) { return; }
  ${each((k) => `let y${k} = vec4f(sums${k}) * (scale${k}[0] * (largest${k} / 127.0));`, '\n  ')}
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

/** u: `value` of x as the prologue makes it, without the norm's factor. */
function scaled(prologue: Prologue, at: string): string {
  if (prologue.kind === 'none') return 'value';
  return `value * gamma[${at}]${prologue.kind === 'gatedNorm' ? ` * siluFour(h[base + ${at}])` : ''}`;
}

/** Sums and maxima over the lanes of a workgroup. */
function combined(subgroupSize: number | undefined): string {
  const parts = subgroupSize ? `lanes / ${subgroupSize}u` : 'lanes';
  const [sum, top] = subgroupSize ? ['subgroupAdd(sums)', 'subgroupMax(tops)'] : ['sums', 'tops'];
  return `
struct Found { sums: vec2f, tops: vec4f }
var<workgroup> found: array<Found, ${parts}>;
fn combined(sums: vec2f, tops: vec4f, lane: u32) -> Found {
  let mine = Found(${sum}, ${top});
  ${subgroupSize ? `if (lane % ${subgroupSize}u == 0u) { found[lane / ${subgroupSize}u] = mine; }` : 'found[lane] = mine;'}
  workgroupBarrier();
  var all = found[0];
  for (var k = 1u; k < ${parts}; k++) {
    all.sums += found[k].sums;
    all.tops = max(all.tops, found[k].tops);
  }
  return all;
}`;
}

/** The sums of a row's lanes, in its first lane. */
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

/** The use of output `o`, which is plane `plane` of the products. */
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
      let f = forgetGate(sigmoid(y1[plane]), bound);
      let state = mlgruStep(${epilogue.start ? `start[${at}]` : '0.0'}, f, y0[plane]);
      hidden[${at}] = state;
      last[${at}] = state;
      g[${at}] = y2[plane];
    }`;
  }
}
