/**
 * Decoding with grouped matrices in few kernels: one normalises and rounds a row, multiplies it with all matrices that
 * read it, and uses the products. Another one turns the heads of queries and keys and stores keys and values.
 */
import { addOp } from '../../ops/add/add.ts';
import { appendToPagesOp } from '../../ops/appendToPages/appendToPages.ts';
import { gatedUnitOp } from '../../ops/gatedUnit/gatedUnit.ts';
import type { Activation } from '../../ops/gatedUnit/reference.ts';
import { groupedLinearOp, groupOf } from '../../ops/groupedLinear/groupedLinear.ts';
import { pageTypeOf } from '../../ops/pages.ts';
import { normalisesRows, rmsNormOp } from '../../ops/rmsNorm/rmsNorm.ts';
import { rotaryOp } from '../../ops/rotary/rotary.ts';
import {
  type Call,
  type CallOf,
  callOfOp,
  cost,
  type Operands,
  present,
  sumOfCosts,
} from '../../program/op.ts';
import { rowsOf, sizeOf, widthOf } from '../../program/shapes.ts';
import { Tensor } from '../../program/tensor.ts';
import type { PartsOfHeads } from './decodedAttention.ts';
import { callOf, fusedOp, numbered } from './fusedOp.ts';

type Projection = CallOf<typeof groupedLinearOp>;
type Matrix = Pick<Projection['inputs'], 'codes' | 'scales' | 'bias'>;

/** What multiplies a row: y = (product 0, product 1, …), or `to` + product, or act(product 0) ⊙ product 1. */
export interface GroupedProjections {
  /** The row; if there are parts of it, only its shape counts. */
  readonly x: Tensor;
  readonly parts?: PartsOfHeads;
  readonly norm: { readonly gamma: Tensor; readonly epsilon: number } | undefined;
  readonly matrices: readonly Matrix[];
  readonly use:
    | { readonly kind: 'none' }
    | { readonly kind: 'add'; readonly to: Tensor }
    | { readonly kind: 'gatedUnit'; readonly activation: Activation };
  readonly y: Tensor;
}

/** The norm of the heads of queries or keys. */
export interface HeadNorm {
  readonly gamma: Tensor;
  readonly epsilon: number;
}

/** Rows of queries, keys and values side by side: queries turned, keys turned and stored, values stored. */
export interface HeadsToPages {
  readonly joined: Tensor;
  readonly headSize: number;
  readonly table: Tensor;
  readonly queryNorm: HeadNorm | undefined;
  readonly keyNorm: HeadNorm | undefined;
  readonly paging: Readonly<Record<'slots' | 'positions' | 'pages', Tensor>>;
  readonly q: Tensor;
  /** The pools, before and afterwards. */
  readonly pools: Readonly<Record<'poolOfKeys' | 'poolOfValues', Tensor>>;
  readonly keys: Tensor;
  readonly values: Tensor;
}

interface Attributes<T> {
  readonly kernel: T;
  readonly replaced: readonly Call[];
}

/** The work of the replaced calls, without what they pass among themselves. */
function workOf<T>(call: Call<Operands, Operands, Attributes<T>>) {
  return cost(call, sumOfCosts(call.attributes.replaced.map((one) => one.op.cost(one))));
}

export const groupedProjectionsOp = fusedOp<Attributes<GroupedProjections>>('groupedProjections', workOf);
export const headsToPagesOp = fusedOp<Attributes<HeadsToPages>>('headsToPages', workOf);

/** A run of calls, and the fused ones in its place. */
export interface GroupedMatch {
  readonly length: number;
  readonly projections: GroupedProjections;
  readonly heads: HeadsToPages | undefined;
  /** Number of the calls that `projections` replaces; the others are those of `heads`. */
  readonly projected: number;
}

const projectionOf = (call: Call | undefined) => callOfOp(call, groupedLinearOp);

/** Runs of calls from `line` on that kernels may compute, longest first. */
export function matchesOf(calls: readonly Call[], line: number, maxTokens: number): GroupedMatch[] {
  const norm = callOfOp(calls[line], rmsNormOp);
  const isNorm = norm && normalisesRows(norm.inputs);
  const begin = isNorm ? line + 1 : line;
  const first = projectionOf(calls[begin]);
  if (!first || rowsOf(first.inputs.x) > maxTokens || (isNorm && first.inputs.x !== norm.outputs.y))
    return [];
  const siblings = siblingsFrom(calls, begin, first);
  const found: Omit<GroupedProjections, 'use' | 'y' | 'matrices'> = {
    x: isNorm ? norm.inputs.x : first.inputs.x,
    norm: isNorm ? { gamma: norm.inputs.gamma, ...norm.attributes } : undefined,
  };
  const matrices = siblings.map(({ inputs: { codes, scales, bias } }) => ({ codes, scales, bias }));
  const after = calls.slice(begin + siblings.length);
  const length = begin - line + siblings.length;
  const [one, two] = siblings.map(({ outputs }) => outputs.y);
  const matches: GroupedMatch[] = [];
  const unit = callOfOp(after[0], gatedUnitOp);
  if (siblings.length === 2 && unit?.inputs.g === one && unit?.inputs.u === two) {
    const use = { kind: 'gatedUnit', ...unit!.attributes } as const;
    matches.push(alone(length + 1, { ...found, matrices, use, y: unit!.outputs.y }));
  }
  const joined = siblings.length === 3 ? headsAfter(siblings, after) : undefined;
  if (joined) {
    const projections = { ...found, matrices, use: { kind: 'none' }, y: joined.heads.joined } as const;
    matches.push({ length: length + joined.length, projections, heads: joined.heads, projected: length });
  }
  const single = { ...found, matrices: matrices.slice(0, 1) };
  const next = calls[begin + 1];
  const add = callOfOp(next, addOp);
  const to = add && (add.inputs.a === one ? add.inputs.b : add.inputs.a);
  if (add && to && to !== one && [add.inputs.a, add.inputs.b].includes(one!) && to.size === one!.size) {
    matches.push(alone(begin - line + 2, { ...single, use: { kind: 'add', to }, y: add.outputs.y }));
  }
  matches.push(alone(begin - line + 1, { ...single, use: { kind: 'none' }, y: one! }));
  return matches;
}

const alone = (length: number, projections: GroupedProjections): GroupedMatch => ({
  ...{ length, projections, heads: undefined, projected: length },
});

/** Projections of one row by matrices of one kind, one after the other. */
function siblingsFrom(calls: readonly Call[], begin: number, { inputs: { x, codes, scales } }: Projection) {
  const found: Projection[] = [];
  for (let at = begin; found.length < 3; at++) {
    const one = projectionOf(calls[at]);
    if (one?.inputs.x !== x || one.inputs.codes.dtype !== codes.dtype) break;
    if (groupOf(one.inputs.codes, one.inputs.scales) !== groupOf(codes, scales)) break;
    found.push(one);
  }
  return found;
}

/** The calls after the projections to queries, keys and values, up to the pages of the latter. */
function headsAfter([toQ, toK, toV]: readonly Projection[], after: readonly Call[]) {
  let at = 0;
  const turned = (x: Tensor) => {
    const norm = callOfOp(after[at], rmsNormOp);
    const isNorm = norm?.inputs.x === x;
    if (isNorm) at++;
    const turn = callOfOp(after[at++], rotaryOp);
    if (turn?.inputs.x !== (isNorm ? norm.outputs.y : x) || turn?.attributes.direction !== 1)
      return undefined;
    const { gamma } = norm?.inputs ?? {};
    if (isNorm && gamma!.size !== sizeOf(turn.inputs.table, 1)) return undefined;
    return { ...turn, norm: isNorm ? { gamma: gamma!, ...norm.attributes } : undefined };
  };
  const q = turned(toQ!.outputs.y);
  const k = q && turned(toK!.outputs.y);
  const [keys, values] = [callOfOp(after[at], appendToPagesOp), callOfOp(after[at + 1], appendToPagesOp)];
  if (!q || !k || keys?.inputs.rows !== k.outputs.y || values?.inputs.rows !== toV!.outputs.y)
    return undefined;
  const { slots, positions, pages } = keys.inputs;
  const { headSize } = keys.attributes;
  const isOne =
    q.inputs.table === k.inputs.table &&
    values.inputs.slots === slots &&
    sizeOf(q.inputs.table, 1) === headSize;
  if (!isOne || pageTypeOf(keys.outputs.next) === 'i8') return undefined;
  const widths = [toQ, toK, toV].map((one) => widthOf(one!.outputs.y));
  const shape = [1, rowsOf(toQ!.outputs.y), widths.reduce((sum, width) => sum + width, 0)];
  const heads: HeadsToPages = {
    joined: new Tensor('temporary', 'f32', shape, `${toQ!.outputs.y.name}.joined`),
    ...{ headSize, table: q.inputs.table, queryNorm: q.norm, keyNorm: k.norm },
    ...{ paging: { slots, positions, pages }, q: q.outputs.y },
    pools: { poolOfKeys: keys.inputs.pool, poolOfValues: values.inputs.pool },
    ...{ keys: keys.outputs.next, values: values.outputs.next },
  };
  return { heads, length: at + 2 };
}

/** What is left of a run: the tensors that its fused calls make and others may read. */
export function madeBy({ projections, heads }: GroupedMatch): Set<Tensor> {
  return new Set(heads ? [heads.q, heads.keys, heads.values] : [projections.y]);
}

/** The fused calls in place of `replaced`. */
export function groupedCalls(
  { projections, heads, projected }: GroupedMatch,
  replaced: readonly Call[],
): Call[] {
  const call = callOf(
    groupedProjectionsOp,
    { ...numbered('read', present(projectionInputs(projections))) },
    { y: projections.y },
    { kernel: projections, replaced: replaced.slice(0, projected) },
  );
  if (!heads) return [call];
  const { joined, table, queryNorm, keyNorm, paging, pools, q, keys, values } = heads;
  const norms = { gammaOfQueries: queryNorm?.gamma, gammaOfKeys: keyNorm?.gamma };
  const inputs = { joined, table, ...norms, ...paging, ...pools };
  const attributes = { kernel: heads, replaced: replaced.slice(projected) };
  return [call, callOf(headsToPagesOp, inputs, { q, keys, values }, attributes)];
}

/** The tensors that the products read, by their names in kernels. */
export function projectionInputs({ x, parts, norm, matrices, use }: GroupedProjections): Operands {
  const each = matrices.flatMap((matrix, k) =>
    Object.entries(matrix).map(([name, tensor]) => [`${name}${k}`, tensor] as const),
  );
  return {
    x: parts?.found ?? x,
    positions: parts?.positions,
    gamma: norm?.gamma,
    ...Object.fromEntries(each),
    to: use.kind === 'add' ? use.to : undefined,
  };
}
