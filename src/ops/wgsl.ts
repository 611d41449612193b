/**
 * What the WGSL kernels share. Work is spread over workgroups of 256 invocations; a kernel walks its share in
 * strides, so that any number of workgroups is right and sizes have no limit of their own.
 */

const groupSize = 256;
/** WebGPU takes at most 65,535 workgroups in one direction. */
const mostGroups = 65535;

/** Workgroups for `size` independent elements. */
export function overElements(size: number): [number, number, number] {
  return [Math.min(Math.max(Math.ceil(size / groupSize), 1), mostGroups), 1, 1];
}

/** Workgroups for `rows`, one for each. */
export function overRows(rows: number): [number, number, number] {
  return [Math.min(Math.max(rows, 1), mostGroups), 1, 1];
}

/** A kernel whose `body` computes element `i` of `p.size`. */
export function elementKernel(body: string): string {
  return `
@compute @workgroup_size(${groupSize})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = id.x; i < p.size; i += groups.x * ${groupSize}u) {
    ${body}
  }
}`;
}

/**
 * A kernel whose `body` computes row `row` of `p.rows` by a whole workgroup: invocation `lane` takes the columns
 * lane, lane + lanes, … (see `eachColumn`). Short rows, of `width` elements, have fewer lanes.
 */
export function rowKernel(width: number, body: string): string {
  const lanes = Math.min(Math.max(2 ** Math.ceil(Math.log2(width)), 16), groupSize);
  return `
const lanes = ${lanes}u;

@compute @workgroup_size(lanes)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  for (var row = group.x; row < p.rows; row += groups.x) {
    ${body}
  }
}`;
}

/** In a row kernel: a lane's columns `c` of `p.width`, with `i` the element's index. */
export function eachColumn(body: string): string {
  return `
    for (var c = lane; c < p.width; c += lanes) {
      let i = row * p.width + c;
      ${body}
    }`;
}

/**
 * For row kernels, `<name>(value, lane)`: the values of all lanes combined, always in the same order; every lane
 * gets the result. In two levels: barriers cost more than the additions that a deeper tree would share out.
 */
export function workgroupReduction(
  name: string,
  type: 'f32' | 'i32',
  combine: (a: string, b: string) => string,
) {
  return `
var<workgroup> ${name}Values: array<${type}, lanes>;
var<workgroup> ${name}Parts: array<${type}, 16>;
fn ${name}(value: ${type}, lane: u32) -> ${type} {
  ${name}Values[lane] = value;
  workgroupBarrier();
  if (lane < 16u) {
    var part = ${name}Values[lane];
    for (var k = lane + 16u; k < lanes; k += 16u) { part = ${combine('part', `${name}Values[k]`)}; }
    ${name}Parts[lane] = part;
  }
  workgroupBarrier();
  var total = ${name}Parts[0];
  for (var k = 1u; k < 16u; k++) { total = ${combine('total', `${name}Parts[k]`)}; }
  return total;
}`;
}

export const workgroupSum = workgroupReduction('workgroupSum', 'f32', (a, b) => `${a} + ${b}`);
export const workgroupCount = workgroupReduction('workgroupCount', 'i32', (a, b) => `${a} + ${b}`);
export const workgroupMax = workgroupReduction('workgroupMax', 'f32', (a, b) => `max(${a}, ${b})`);

/**
 * A kernel that sums over the rows of a matrix: `term` is the term of row `row` and column `c`, `result` says
 * what becomes of the `total` of column `c`. Sixteen rows are summed side by side, always the same ones.
 */
export function columnSumKernel(term: string, result: string): string {
  return `
var<workgroup> parts: array<f32, 256>;

@compute @workgroup_size(16, 16)
fn main(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let c = group.x * 16u + local.x;
  var sum = 0.0;
  if (c < p.width) {
    for (var row = local.y; row < p.rows; row += 16u) { sum += ${term}; }
  }
  parts[lane] = sum;
  workgroupBarrier();
  if (local.y == 0u && c < p.width) {
    var total = sum;
    for (var k = lane + 16u; k < 256u; k += 16u) { total += parts[k]; }
    ${result}
  }
}`;
}

/** Workgroups of a `columnSumKernel`. */
export function overColumns(width: number): [number, number, number] {
  return [Math.ceil(width / 16), 1, 1];
}

/** σ, SiLU' from x and σ(x). The exponent is never positive, so that nothing overflows, and NaN stays NaN. */
export const activations = `
fn sigmoid(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(1.0, e, x < 0.0) / (1.0 + e);
}
fn siluSlope(x: f32, s: f32) -> f32 { return s * (1.0 + x * (1.0 - s)); }
`;
