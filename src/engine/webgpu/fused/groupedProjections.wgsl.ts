/**
 * Grouped matrices times one row, or a few: every workgroup normalises and rounds the whole row, which costs less than
 * another dispatch, then computes a tile of outputs. Formulas: groupedLinear.ts.
 */
import type { Dispatch, GpuFeatures } from '../../../kernels/webgpu/dispatch.ts';
import { int8Four } from '../../../ops/bitLinear/quantise.wgsl.ts';
import { act } from '../../../ops/gatedUnit/kernel.wgsl.ts';
import { groupOf } from '../../../ops/groupedLinear/groupedLinear.ts';
import { tileLanes } from '../../../ops/groupedLinear/packed.ts';
import { kinds, tileLoads } from '../../../ops/groupedLinear/product.wgsl.ts';
import { blockSize } from '../../../ops/groupedLinear/reference.ts';
import { present } from '../../../program/op.ts';
import { rowsOf, sizeOf, widthOf } from '../../../program/shapes.ts';
import {
  type GroupedProjections,
  type HeadsToPages,
  projectionInputs,
} from '../../fused/groupedProjections.ts';
import { bytesOfSums, rowsOfGroup, type SumsOfTile, sumsOfTile } from './groupedSums.wgsl.ts';
import { headTensors } from './headsToPages.wgsl.ts';
import { bytesOfRow, roundedRow, rowDeclarations, suitsRounding } from './roundedRow.wgsl.ts';

/** Invocations of a workgroup. */
const maxLanes = 256;
/**
 * Columns that an invocation takes at a time: few, because kernels whose code is short begin sooner. More of half a tile, so
 * that invocations take one piece each.
 */
const columnsAtOnce = { whole: 16, halved: 32 };
/** Workgroups that may each round the row; for more, rounding it once is faster. */
const maxTiles = 1024;
/**
 * Up to so many tiles are cut in halves, or they would leave processors of a large GPU idle; not where a row is merged, which
 * takes longer than its products.
 */
const fewTiles = 96;
/** Memory of a workgroup on every device, less what sums over a workgroup take. */
const workgroupBytes = 16384 - 1024;
/** Memory of a workgroup for the sums of its subgroups. */
const maxSumBytes = 8192;

/** How the work is divided. */
function cut({ x, parts, matrices, use }: GroupedProjections, subgroupSize = 1) {
  const { codes, scales } = matrices[0]!;
  const kind = kinds[codes.dtype as keyof typeof kinds];
  const [width, group] = [widthOf(x), groupOf(codes, scales)];
  const tiles = matrices.map((matrix) => Math.ceil(sizeOf(matrix.codes, 0) / (kind.planes * tileLanes)));
  const sides = use.kind === 'gatedUnit' ? 2 : 1;
  const groups = use.kind === 'none' ? tiles.reduce((sum, count) => sum + count, 0) : tiles[0]!;
  const halved = groups <= fewTiles && !parts;
  const taken = Math.min(group, blockSize, halved ? columnsAtOnce.halved : columnsAtOnce.whole);
  const pieces = width / taken;
  const work = pieces * (halved ? 1 : 2);
  const sums = (lanes: number): SumsOfTile => ({
    ...{ kind, taken, pieces, sides, lanes, halved, subgroupSize },
  });
  const least = 2 * rowsOfGroup(sums(0));
  const together = Math.max(subgroupSize, 32);
  let lanes = Math.max(evenly(work, maxLanes / sides, together), least);
  while (bytesOfSums(sums(lanes)) > maxSumBytes && lanes > least)
    lanes = Math.max(evenly(lanes, lanes / 2, together), least);
  return { width, group, tiles, groups, halved, sum: sums(lanes), lanes: sides * lanes };
}

/** Invocations that share `work` in as few rounds as `most` of them do, a multiple of `together`. */
function evenly(work: number, most: number, together: number): number {
  return Math.ceil(work / Math.ceil(work / most) / together) * together;
}

export function suitsGrouped(
  t: GroupedProjections,
  heads: HeadsToPages | undefined,
  { maxBindings, subgroupSize }: GpuFeatures,
): boolean {
  if (!t.matrices.every(({ codes }) => codes.dtype in kinds)) return false;
  const { width, tiles, lanes, sum } = cut(t, subgroupSize);
  const bindings = Math.max(
    present(projectionInputs(t)).length + 1,
    heads ? present(headTensors(heads)).length : 0,
  );
  return (
    suitsRounding(width, lanes) &&
    lanes <= maxLanes &&
    bytesOfRow(width) + bytesOfSums(sum) <= workgroupBytes &&
    Math.max(...tiles) <= maxTiles &&
    bindings <= maxBindings
  );
}

export function groupedProjections(t: GroupedProjections, { subgroupSize }: GpuFeatures): Dispatch {
  const { width, lanes, tiles, groups, group, halved, sum } = cut(t, subgroupSize);
  const outs = t.matrices.map(({ codes }) => sizeOf(codes, 0));
  const types = Object.fromEntries(
    t.matrices.flatMap((matrix, k) =>
      Object.entries(tileLoads(matrix).types).map(([name, type]) => [`${name}${k}`, type]),
    ),
  );
  return {
    shader: `grouped.${t.parts ? 'merged.' : ''}${t.norm ? 'rmsNorm' : 'none'}.${t.matrices.length}.${t.use.kind}`,
    requires: subgroupSize ? ['subgroups'] : [],
    code: `
const lanes = ${lanes}u;
${t.use.kind === 'gatedUnit' ? act[t.use.activation] : ''}
${int8Four}
${rowDeclarations(t)}
${sumsOfTile(sum, t.matrices)}

@compute @workgroup_size(lanes)
fn main(@builtin(local_invocation_index) me: u32, @builtin(workgroup_id) group: vec3u) {
  let token = group.y;
  let lane = me % ${sum.lanes}u;
  let side = me / ${sum.lanes}u;
  let half = ${halved ? 'group.x & 1u' : 'lane & 1u'};
  let begin = ${halved ? 'lane' : 'lane >> 1u'};
  ${tileOf(t, tiles, halved)}
  let early = pieceOf(which, tile, half, begin);
  ${roundedRow(t, lanes, subgroupSize ?? 1)}
  collect(sumsOf(which, tile, half, begin, early), side, lane);
  if (me < ${rowsOfGroup(sum)}u) {
    let o = ${sum.kind.planes * tileLanes}u * tile + outputOf(me, half, heightOf(${t.use.kind === 'gatedUnit' ? '0u' : 'which'}, tile));
    ${stores(t, outs)}
  }
}`,
    tensors: { ...projectionInputs(t), y: t.y },
    types: { x: 'vec4f', gamma: 'vec4f', ...types },
    numbers: {
      ...{ words: width / 4, pieces: sum.pieces, groups: width / group },
      ...{ perBlock: blockSize / sum.taken, perGroup: group / sum.taken },
      ...Object.fromEntries(outs.map((out, k) => [`out${k}`, out])),
      ...{ out: t.use.kind === 'none' ? widthOf(t.y) : outs[0]! },
      epsilon: { f32: t.norm?.epsilon ?? 0 },
    },
    workgroups: [groups * (halved ? 2 : 1), rowsOf(t.x), 1],
  };
}

/** The invocation's matrix and tile; tiles of several matrices follow one another. */
function tileOf({ use }: GroupedProjections, tiles: readonly number[], halved: boolean): string {
  const tile = halved ? 'group.x >> 1u' : 'group.x';
  if (use.kind !== 'none' || tiles.length === 1) return `let tile = ${tile}; let which = side;`;
  const before = tiles
    .slice(0, -1)
    .map((count, k) => `if (which == ${k}u && tile >= ${count}u) { tile -= ${count}u; which++; }`);
  return `var tile = ${tile}; var which = 0u; ${before.join(' ')}`;
}

/** Writes output `o` of the workgroup's matrix, if there is one. */
function stores(t: GroupedProjections, outs: readonly number[]): string {
  const biased = (k: number) => (t.matrices[k]!.bias ? ` + bias${k}[o]` : '');
  if (t.use.kind === 'gatedUnit') {
    return `if (o < p.out0) { y[token * p.out + o] = act(unit * total(0u, me)${biased(0)}).x * (unit * total(1u, me)${biased(1)}); }`;
  }
  const before = t.use.kind === 'add' ? 'to[token * p.out + o] + ' : '';
  let first = 0;
  const each = outs.map((out, k) => {
    const store = `if (which == ${k}u && o < p.out${k}) { y[token * p.out + ${first}u + o] = ${before}unit * total(0u, me)${biased(k)}; }`;
    first += out;
    return store;
  });
  return each.join('\n    ');
}
