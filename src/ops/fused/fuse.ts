/**
 * Fusing for GPUs: stretches of a program that one shader does at once become one call. What is fused is never the
 * model's business; the program that it recorded says enough.
 */
import type { Call, GpuFeatures, Op } from '../../program/op.ts';
import type { Program } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { addOp } from '../add/add.ts';
import { bitLinearOp } from '../bitLinear/bitLinear.ts';
import { gatedNormOp } from '../gatedNorm/gatedNorm.ts';
import { mlgruOp } from '../mlgru/mlgru.ts';
import { rmsNormOp } from '../rmsNorm/rmsNorm.ts';
import { rowsOf } from '../shapes.ts';
import { swigluOp } from '../swiglu/swiglu.ts';
import { fuseRows } from './fuseRows.ts';
import { gpuOp } from './gpuOp.ts';
import {
  type Epilogue,
  type FusedProjections,
  fusedProjections,
  type Prologue,
  suitsFusing,
} from './projections.wgsl.ts';
import { Uses, withoutCalls } from './uses.ts';

/** Up to this many tokens each read the weights by themselves; for more, shared tiles pay. */
const mostTokens = 8;

/** The same program, with calls fused that this device can do at once. */
export function fuse(program: Program, features: GpuFeatures): Program {
  return fuseRows(fuseTokens(program, features), mostTokens + 1, features);
}

/** Stretches for few tokens, each of which one shader does. */
function fuseTokens(program: Program, features: GpuFeatures): Program {
  if (program.marks.length > 0) return program; // marks lie between calls; such programs train, they don't decode
  const uses = new Uses(program);
  const fused = withoutCalls(program);
  for (let line = 0; line < program.calls.length; ) {
    const found = matchAt(program.calls, line);
    const calls = program.calls.slice(line, line + (found?.length ?? 1));
    const hidden = found && hiddenBy(found.projections, calls);
    const ownAffair = hidden?.every((tensor) =>
      uses.readers(tensor).every((reader) => calls.includes(reader)),
    );
    const kept = hidden?.some((tensor) => uses.isKept(tensor));
    if (found && ownAffair && !kept && suitsFusing(found.projections, features)) {
      fused.calls.push(fusedCall(found.projections, calls));
      line += calls.length;
    } else {
      fused.calls.push(program.calls[line]!);
      line++;
    }
  }
  return fused;
}

interface Match {
  readonly projections: FusedProjections;
  /** Calls that it replaces. */
  readonly length: number;
}

/** The longest stretch from `line` on that is a norm (or none), projections of its result, and their use. */
function matchAt(calls: readonly Call[], line: number): Match | undefined {
  const first = calls[line]!;
  const prologue = prologueOf(first);
  const at = line + (prologue.kind === 'none' ? 0 : 1);
  const x = prologue.kind === 'none' ? first.inputs[0] : first.outputs[0];
  const projects = (call: Call | undefined) => call?.op === bitLinearOp && call.inputs[0] === x;
  if (!x || rowsOf(x) > mostTokens || !projects(calls[at])) return undefined;
  const [one, two, three, four] = calls.slice(at, at + 4) as [Call, ...(Call | undefined)[]];
  const match = (projections: readonly Call[], epilogue: Epilogue, used: number): Match => ({
    projections: { x: first.inputs[0]!, prologue, matrices: projections.map(matrixOf), epilogue },
    length: at - line + used,
  });
  if (projects(two) && three?.op === mlgruOp && projects(four)) {
    const epilogue = mlgruEpilogue([one, two!, four!], three);
    if (epilogue) return match([one, two!, four!], epilogue, 4);
  }
  const y = one.outputs[0]!;
  if (two?.op === swigluOp && two.inputs[0] === y && y.shape.at(-1)! % 4 === 0) {
    return match([one], { kind: 'swiglu', y: two.outputs[0]! }, 2);
  }
  if (two?.op === addOp && two.inputs.includes(y)) {
    const to = two.inputs.find((tensor) => tensor !== y);
    if (to?.size === y.size) return match([one], { kind: 'add', to, y: two.outputs[0]! }, 2);
  }
  return match([one], { kind: 'none', y }, 1);
}

function prologueOf({ op, inputs, attributes }: Call): Prologue {
  const { epsilon } = (attributes ?? {}) as { epsilon: number };
  if (op === rmsNormOp) return { kind: 'rmsNorm', gamma: inputs[1]!, epsilon };
  if (op === gatedNormOp) return { kind: 'gatedNorm', h: inputs[1]!, gamma: inputs[2]!, epsilon };
  return { kind: 'none' };
}

/** The recurrence of one token a sequence, whose gates are the first two projections. */
function mlgruEpilogue([i, f, g]: readonly [Call, Call, Call], mlgru: Call): Epilogue | undefined {
  const [xi, xf, start, bounds] = mlgru.inputs;
  if (xi !== i.outputs[0] || xf !== f.outputs[0] || xi!.shape[1] !== 1) return undefined;
  if (matrixOf(i).codes.shape.join() !== matrixOf(g).codes.shape.join()) return undefined;
  const { layer } = mlgru.attributes as { layer: number };
  const [h, last] = mlgru.outputs;
  return { kind: 'mlgru', start, bounds, layer, h: h!, last: last!, g: g.outputs[0]! };
}

function matrixOf({ inputs: [, norm, codes, scale] }: Call) {
  return { norm: norm!, codes: codes!, scale: scale! };
}

/** What the calls pass among themselves, and the fused one has no tensor for. */
function hiddenBy({ epilogue }: FusedProjections, calls: readonly Call[]): Tensor[] {
  const seen = new Set(Object.values(epilogue));
  return calls.flatMap((call) => call.outputs).filter((tensor) => !seen.has(tensor));
}

function fusedCall(projections: FusedProjections, calls: readonly Call[]): Call {
  const outputs = new Set(calls.flatMap((call) => call.outputs));
  const kept = Object.values(projections.epilogue).filter((value): value is Tensor =>
    outputs.has(value as Tensor),
  );
  const inputs = new Set(
    calls.flatMap((call) => call.inputs).filter((tensor) => tensor && !outputs.has(tensor)),
  );
  return { op: fusedOp as Op, inputs: [...inputs], outputs: kept, scratch: [], attributes: projections };
}

const fusedOp = gpuOp<FusedProjections>('fusedProjections', ({ attributes }, features) => [
  fusedProjections(attributes, features),
]);
