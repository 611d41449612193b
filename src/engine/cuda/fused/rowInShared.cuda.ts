/** A row normalised and quantised by a whole block, once for each of the matrices that read it, into shared memory. */
import type { FusedProjections, Prologue } from '../../fused/projections.ts';
import type { Sizes } from './projections.cuda.ts';

/** `body` for each of a thread's vectors `j` of four columns, of which `at` is the place. */
function eachVector({ loads, threads, width }: Sizes, body: string): string {
  return `
  #pragma unroll
  for (int j = 0; j < ${loads}; j++) {
    const unsigned at = thread + j * ${threads};
    const bool inside = at < ${width / 4};
    ${body}
  }`;
}

/** Norms into registers. */
export function readVectors(t: FusedProjections, sizes: Sizes): string {
  const vectors = [...(t.prologue.kind === 'none' ? [] : ['gamma']), ...t.matrices.map((_, k) => `norm${k}`)];
  return `const float4 none = make_float4(0.f, 0.f, 0.f, 0.f);
  float4 ${vectors.map((name) => `${name}s[${sizes.loads}]`).join(', ')};
  ${eachVector(sizes, vectors.map((name) => `${name}s[j] = inside ? ((const float4*)${name})[at] : none;`).join(' '))}`;
}

/**
 * With u = x ⊙ gamma ⊙ gate, the row is r0·u, and both norms and all maxima follow from sums that one look takes. Leaves
 * the quantised rows in `q`, a unit's worth of each in `step`, and its sum in `totals`.
 */
export function quantiseRow(t: FusedProjections, sizes: Sizes): string {
  const { width, loads, warps, count } = sizes;
  const words = width / 4;
  const each = (body: (k: number) => string) => t.matrices.map((_, k) => body(k)).join('\n    ');
  return `
  __shared__ float parts[${2 + count}][${warps}];
  float4 u[${loads}];
  float found[${2 + count}] = {};
  ${eachVector(
    sizes,
    `const float4 value = inside ? ((const float4*)(x + base))[at] : none;
    u[j] = ${scaled(t.prologue)};
    found[0] += dot(value, value);
    found[1] += dot(u[j], u[j]);
    ${each((k) => `found[${2 + k}] = fmaxf(found[${2 + k}], largestOf(u[j] * norm${k}s[j]));`)}`,
  )}
  overRow<2>(found, parts);
  const float r0 = ${t.prologue.kind === 'none' ? '1.f' : `rsqrtf(found[0] / ${width}.f + before)`};
  const float r = r0 * rsqrtf(found[1] * r0 * r0 / ${width}.f + epsilon);
  float step[${count}];
  ${each(
    (k) => `{
    const float largest = fmaxf(found[${2 + k}] * r, 1e-5f), s = r * __fdividef(127.f, largest);
    step[${k}] = largest / 127.f;
    int total = 0;
    ${eachVector(
      sizes,
      `if (inside) {
      const unsigned four = roundToInt8(u[j] * norm${k}s[j] * s);
      total = dot4((int)four, 0x01010101, total);
      ((unsigned*)q)[${words * k} + at] = four;
    }`,
    )}
    total = warpTotal(total);
    if (lane == 0) atomicAdd(totals + ${k}, total);
  }`,
  )}
  __syncthreads();`;
}

/** u: `value` of x as the prologue has it, but for the norm's factor. */
function scaled(prologue: Prologue): string {
  if (prologue.kind === 'none') return 'value';
  const gate =
    prologue.kind === 'gatedNorm' ? ' * (inside ? silu(((const float4*)(h + base))[at]) : none)' : '';
  return `value * gammas[j]${gate}`;
}
