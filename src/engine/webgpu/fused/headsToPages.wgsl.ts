/** Queries, keys and values of a few tokens after their projections: heads normalised, turned, and stored in pages. */
import type { Dispatch } from '../../../kernels/webgpu/dispatch.ts';
import { largestHalf } from '../../../ops/halfFloats.ts';
import { pageTypeOf, poolHeads } from '../../../ops/pages.ts';
import { poolRow } from '../../../ops/pages.wgsl.ts';
import { rowsOf, sizeOf, widthOf } from '../../../program/shapes.ts';
import type { HeadNorm, HeadsToPages } from '../../fused/groupedProjections.ts';

/** The tensors by their names in the kernel. */
export function headTensors({ joined, table, queryNorm, keyNorm, paging, q, keys, values }: HeadsToPages) {
  const norms = { gammaOfQueries: queryNorm?.gamma, gammaOfKeys: keyNorm?.gamma };
  return { joined, ...norms, table, ...paging, q, keys, values };
}

/** A workgroup takes a head; an invocation, two pairs of its columns: c and c + 1 of both halves. */
export function headsToPages(t: HeadsToPages): Dispatch {
  const { headSize, joined, keys } = t;
  const keyHeads = poolHeads(keys, headSize);
  const heads = widthOf(t.q) / headSize;
  const type = pageTypeOf(keys);
  const quarter = headSize / 4;
  const lanes = Math.max(2 ** Math.ceil(Math.log2(quarter)), 16);
  return {
    shader: `headsToPages.${type}`,
    code: `
const lanes = ${lanes}u;
${poolRow}
fn stored(two: vec2f) -> ${type === 'f16' ? 'u32' : 'vec2f'} {
  return ${type === 'f16' ? `pack2x16float(clamp(two, vec2f(-${largestHalf}.0), vec2f(${largestHalf}.0)))` : 'two'};
}

@compute @workgroup_size(lanes)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  let token = group.y;
  let head = group.x;
  let isThere = lane < ${quarter}u;
  let start = token * ${widthOf(joined) / 2}u + head * ${headSize / 2}u + lane;
  var low = vec2f();
  var high = vec2f();
  if (isThere) {
    low = joined[start];
    high = joined[start + ${quarter}u];
  }
  let row = poolRow(u32(slots[token]), u32(positions[token])) * p.keyHeads;
  if (head >= p.heads + p.keyHeads) {
    if (isThere) {
      let to = (row + head - p.heads - p.keyHeads) * ${headSize / 2}u + lane;
      values[to] = stored(low);
      values[to + ${quarter}u] = stored(high);
    }
    return;
  }
  ${t.queryNorm || t.keyNorm ? 'let squares = workgroupSum(dot(low, low) + dot(high, high), lane);' : ''}
  if (!isThere) { return; }
  if (head < p.heads) { ${normalised('gammaOfQueries', t.queryNorm, headSize)} } else { ${normalised('gammaOfKeys', t.keyNorm, headSize)} }
  let cosine = table[token * ${headSize / 2}u + lane];
  let sine = table[token * ${headSize / 2}u + ${quarter}u + lane];
  let turnedLow = low * cosine - high * sine;
  let turnedHigh = high * cosine + low * sine;
  if (head < p.heads) {
    let to = (token * p.heads + head) * ${headSize / 2}u + lane;
    q[to] = turnedLow;
    q[to + ${quarter}u] = turnedHigh;
  } else {
    let to = (row + head - p.heads) * ${headSize / 2}u + lane;
    keys[to] = stored(turnedLow);
    keys[to + ${quarter}u] = stored(turnedHigh);
  }
}`,
    tensors: headTensors(t),
    types: {
      ...{ joined: 'vec2f', gammaOfQueries: 'vec2f', gammaOfKeys: 'vec2f', table: 'vec2f', q: 'vec2f' },
      ...(type === 'f16' ? {} : { keys: 'vec2f', values: 'vec2f' }),
    },
    numbers: {
      ...{ heads, keyHeads, maxPages: sizeOf(t.paging.pages, 1) },
      ...{
        epsilonOfQueries: { f32: t.queryNorm?.epsilon ?? 0 },
        epsilonOfKeys: { f32: t.keyNorm?.epsilon ?? 0 },
      },
    },
    workgroups: [heads + 2 * keyHeads, rowsOf(joined), 1],
  };
}

/** The head times r·γ. */
function normalised(gamma: string, norm: HeadNorm | undefined, headSize: number): string {
  if (!norm) return '';
  return `
    let r = 1.0 / sqrt(squares / ${headSize}.0 + p.${gamma.replace('gamma', 'epsilon')});
    low *= r * ${gamma}[lane];
    high *= r * ${gamma}[lane + ${headSize / 4}u];
  `;
}
