/**
 * Helpers shared by the WGSL kernels. Work is spread over workgroups of 256 invocations; a kernel processes its share in
 * strides, so that it is right for any number of workgroups and sizes have no limit of their own.
 */

/** Invocations of a workgroup that computes elements. */
export const groupSize = 256;
/** WebGPU allows at most 65,535 workgroups in one dimension. */
const maxGroups = 65535;

/** Workgroups for `size` independent elements. */
export function overElements(size: number): [number, number, number] {
  return [Math.min(Math.max(Math.ceil(size / groupSize), 1), maxGroups), 1, 1];
}

/** One workgroup for each of `rows`. */
export function overRows(rows: number): [number, number, number] {
  return [Math.min(Math.max(rows, 1), maxGroups), 1, 1];
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
 * A kernel in which a whole workgroup computes row `row` of `p.rows` by `body`: invocation `lane` takes the columns lane,
 * lane + lanes, … (see `eachColumn`), and the engine's `workgroupSum`, `workgroupMax` and `workgroupCount` combine their
 * results. Short rows, of `width` elements, have fewer lanes.
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

/** How the lanes of a workgroup share a row, in groups of four columns: each lane has `loads` of them. */
export interface RowCut {
  readonly fours: number;
  readonly lanes: number;
  readonly loads: number;
}

/** Lanes for rows of `width`, each with about `each` groups of four columns. */
export function cutRow(width: number, each: number): RowCut {
  const fours = width / 4;
  const lanes = Math.min(Math.max(2 ** Math.ceil(Math.log2(fours / each)), 32), 256);
  return { fours, lanes, loads: Math.ceil(fours / lanes) };
}

/** `body` for each of a lane's groups of columns that the row has; `at` is the group's index in the row. */
export function eachLoad({ lanes, loads, fours }: RowCut, body: (k: number, at: string) => string): string {
  return Array.from({ length: loads }, (_, k) => {
    const at = `(lane + ${k * lanes}u)`;
    return (k + 1) * lanes <= fours ? body(k, at) : `if (${at} < ${fours}u) { ${body(k, at)} }`;
  }).join('\n      ');
}

/** σ, and SiLU' from x and σ(x). The exponent is never positive, so that nothing overflows, and NaN stays NaN. */
export const activations = `
fn sigmoid(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(1.0, e, x < 0.0) / (1.0 + e);
}
fn siluSlope(x: f32, s: f32) -> f32 { return s * (1.0 + x * (1.0 - s)); }
`;

/** σ and SiLU of four numbers, using `activations`. */
export const siluFour = `
fn sigmoidFour(x: vec4f) -> vec4f { return vec4f(sigmoid(x.x), sigmoid(x.y), sigmoid(x.z), sigmoid(x.w)); }
fn siluFour(x: vec4f) -> vec4f { return x * sigmoidFour(x); }
`;
