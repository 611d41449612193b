/**
 * C [M, N] = A [M, K] · B [K, N] in f32, for the backward passes, with sizes in `p`. A workgroup computes a tile of
 * 64 × 64, an invocation 4 × 4 of it; K is walked in steps of 16, always in order.
 */
export function denseProduct(parts: {
  /** Body of `a(m, k)`: an element of A, for m < M and k < K. */
  readonly a: string;
  /** The index along which A is contiguous in memory. */
  readonly aRunsAlong: 'm' | 'k';
  /** Body of `b(k, n)`: elements n … n + 3 of B, for k < K and n < N; those from N on are ignored. */
  readonly b: string;
  /** Stores the `value` of C's element `at`. */
  readonly store: string;
}): string {
  const elements = [0, 1, 2, 3];
  const [m, k] = parts.aRunsAlong === 'm' ? ['lane % 16u', 'lane / 16u'] : ['lane / 16u', 'lane % 16u'];
  return `
// [16 k, 64 m] and [16 k, 64 n], four to a vector.
var<workgroup> tileA: array<vec4f, 256>;
var<workgroup> tileB: array<vec4f, 256>;

fn a(m: u32, k: u32) -> f32 {
  if (m >= p.M || k >= p.K) { return 0.0; }
  ${parts.a}
}

fn b(k: u32, n: u32) -> vec4f {
  if (k >= p.K || n >= p.N) { return vec4f(); }
  ${parts.b}
}

fn store(m: u32, n: u32, values: vec4f) {
  if (m >= p.M) { return; }
  for (var j = 0u; j < 4u && n + j < p.N; j++) {
    let at = m * p.N + n + j;
    let value = values[j];
    ${parts.store}
  }
}

@compute @workgroup_size(16, 16)
fn main(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let firstM = group.y * 64u;
  let firstN = group.x * 64u;
  ${elements.map((i) => `var c${i} = vec4f();`).join(' ')}
  for (var first = 0u; first < p.K; first += 16u) {
    let m = firstM + 4u * (${m});
    let k = first + ${k};
    tileA[(${k}) * 16u + ${m}] = vec4f(${elements.map((i) => `a(m + ${i}u, k)`).join(', ')});
    tileB[lane] = b(first + lane / 16u, firstN + 4u * (lane % 16u));
    workgroupBarrier();
    for (var j = 0u; j < 16u; j++) {
      let x = tileA[j * 16u + local.y];
      let y = tileB[j * 16u + local.x];
      ${elements.map((i) => `c${i} += x[${i}] * y;`).join(' ')}
    }
    workgroupBarrier();
  }
  ${elements.map((i) => `store(firstM + 4u * local.y + ${i}u, firstN + 4u * local.x, c${i});`).join('\n  ')}
}`;
}

/** Workgroups of a product of M rows and N columns. */
export function overTiles(M: number, N: number): [number, number, number] {
  return [Math.ceil(N / 64), Math.ceil(M / 64), 1];
}
