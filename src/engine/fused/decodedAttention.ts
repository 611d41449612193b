/**
 * Attention of a single token in two kernels, after `headsToPages` and the projections around it were fused: one turns the
 * heads, stores keys and values and attends to parts of the pages; the projection that follows merges the parts.
 */
import { pagedAttentionOp } from '../../ops/pagedAttention/pagedAttention.ts';
import { callOfOp, cost, present, sumOfCosts } from '../../program/op.ts';
import type { Program } from '../../program/record.ts';
import { rowsOf, sizeOf, widthOf } from '../../program/shapes.ts';
import { Tensor } from '../../program/tensor.ts';
import { callOf, fusedOp, numbered } from './fusedOp.ts';
import {
  type GroupedProjections,
  groupedProjectionsOp,
  type HeadsToPages,
  headsToPagesOp,
  projectionInputs,
} from './groupedProjections.ts';
import { Uses, withoutCalls } from './uses.ts';

/** Parts of a token's pages: enough workgroups for a large GPU, and few enough to merge in every workgroup. */
const maxParts = 16;

/** A head's part: Σ of weighted values [headSize], the largest score, the sum of the weights, two unused. */
export interface PartsOfHeads {
  /** [heads, parts, headSize + 4] */
  readonly found: Tensor;
  readonly positions: Tensor;
  readonly parts: number;
  readonly headSize: number;
}

export interface AttendHeads {
  readonly heads: HeadsToPages;
  readonly found: PartsOfHeads;
}

export const attendHeadsOp = fusedOp<{
  readonly kernel: AttendHeads;
  readonly replaced: Program['calls'];
}>('attendHeads', (call) => cost(call, sumOfCosts(call.attributes.replaced.map((one) => one.op.cost(one)))));

export interface AttentionKernels {
  suitsAttention(t: AttendHeads, after: GroupedProjections): boolean;
}

/** The same program with the attention of single tokens fused as far as there are kernels. */
export function fuseAttention(program: Program, kernels: AttentionKernels): Program {
  if (program.marks.length > 0) return program; // such programs train
  const uses = new Uses(program);
  const fused = withoutCalls(program);
  for (let line = 0; line < program.calls.length; ) {
    const calls = attentionAt(program, line, uses, kernels);
    fused.calls.push(...(calls ?? program.calls.slice(line, line + 1)));
    line += calls ? 3 : 1;
  }
  return fused;
}

/** Two calls in place of the three from `line` on. */
function attentionAt({ calls }: Program, line: number, uses: Uses, kernels: AttentionKernels) {
  const [stored, attention, projected] = [
    callOfOp(calls[line], headsToPagesOp),
    callOfOp(calls[line + 1], pagedAttentionOp),
    callOfOp(calls[line + 2], groupedProjectionsOp),
  ];
  if (!stored || !attention || !projected) return undefined;
  const heads = stored.attributes.kernel;
  const { q, k, v, positions, pages } = attention.inputs;
  const { y } = attention.outputs;
  const isOwn = (tensor: Tensor) => !uses.isKept(tensor) && uses.readers(tensor).length === 1;
  const after = projected.attributes.kernel;
  const reads = q === heads.q && k === heads.keys && v === heads.values && after.x === y;
  if (!reads || rowsOf(q) !== 1 || !isOwn(q) || !isOwn(y)) return undefined;
  const { headSize } = heads;
  const count = widthOf(q) / headSize;
  const parts = Math.min(sizeOf(pages, 1), maxParts);
  const found = new Tensor('temporary', 'f32', [count, parts, headSize + 4], `${y.name}.parts`);
  const kernel = { heads, found: { found, positions, parts, headSize } };
  if (!kernels.suitsAttention(kernel, after)) return undefined;
  const merging = { ...after, parts: kernel.found };
  return [
    callOf(
      attendHeadsOp,
      numbered('read', present(stored.inputs)),
      { found, keys: heads.keys, values: heads.values },
      { kernel, replaced: [stored, attention] },
    ),
    callOf(
      groupedProjectionsOp,
      numbered('read', present(projectionInputs(merging))),
      { y: after.y },
      { ...projected.attributes, kernel: merging },
    ),
  ];
}
