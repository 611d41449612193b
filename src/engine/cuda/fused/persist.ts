/**
 * Decoding without launches between a model's blocks: the fused calls of a token, one after the other, become stages, and
 * what begins a token is a stage before them.
 */
import type { CudaFeatures, Launch } from '../../../kernels/cuda/launch.ts';
import { onCuda } from '../../../kernels/cuda/lowering.ts';
import { embeddingForward } from '../../../ops/embedding/cuda.ts';
import { embeddingOp } from '../../../ops/embedding/embedding.ts';
import { lowerBoundsForward } from '../../../ops/lowerBounds/cuda.ts';
import { lowerBoundsOp } from '../../../ops/lowerBounds/lowerBounds.ts';
import { type Call, callOfOp, present, sumOfCosts } from '../../../program/op.ts';
import type { Program } from '../../../program/record.ts';
import { rowsOf, widthOf } from '../../../program/shapes.ts';
import { type Tensor, variable } from '../../../program/tensor.ts';
import { fusedProjectionsOp } from '../../fused/fuse.ts';
import { callOf, fusedOp, numbered } from '../../fused/fusedOp.ts';
import { withoutCalls } from '../../fused/uses.ts';
import { beside } from './beside.cuda.ts';
import { type BlockShape, fusedProjections } from './projections.cuda.ts';
import { fitsParameters, inStages } from './stages.cuda.ts';

/** Calls that need nothing of one another: one of projections, or those that begin a token. */
type Stage = readonly Call[];

interface Stages {
  readonly stages: readonly Stage[];
  /** i32 [stages], zeros: a variable, which keeps what the kernel leaves there for its next run. */
  readonly counters: Tensor;
}

const persistentOp = fusedOp<Stages>('persistentProjections', ({ attributes: { stages } }) =>
  sumOfCosts(stages.flat().map((call) => call.op.cost(call))),
);

/** Fewer are as fast by themselves; two would clear the counter that they raise. */
const minStages = 4;
/**
 * A block a processor, since each normalises and quantises the whole row for itself. More threads have more codes on their
 * way and more work in waiting for one another, which pays for wide rows.
 */
const small = { threads: 384, blocksOfProcessor: 1 };
const large = { threads: 512, blocksOfProcessor: 1 };
const wide = 4096;

/** The same program, in which runs of fused calls of one token are a few calls. */
export function persist(program: Program, features: CudaFeatures): Program {
  if (program.marks.length > 0) return program; // marks lie between calls; such programs train
  const rewritten = withoutCalls(program);
  let begin: Call[] = [];
  let run: Call[] = [];
  const end = () => {
    const isLong = run.length >= minStages;
    rewritten.calls.push(...(isLong ? kernelsOf(stagesOf(begin, run), features) : [...begin, ...run]));
    [begin, run] = [[], []];
  };
  for (const call of program.calls) {
    const isStage = isOfOneToken(call);
    if (run.length > 0 && !isStage) end();
    if (isStage) run.push(call);
    else if (beginsToken(call)) begin.push(call);
    else {
      end();
      rewritten.calls.push(call);
    }
  }
  end();
  return rewritten;
}

function isOfOneToken(call: Call): boolean {
  const fused = callOfOp(call, fusedProjectionsOp);
  return fused !== undefined && rowsOf(fused.attributes.projections.x) === 1;
}

/** Calls whose kernels walk through elements in strides, and none of which reads what another makes. */
function beginsToken(call: Call): boolean {
  return callOfOp(call, embeddingOp) !== undefined || callOfOp(call, lowerBoundsOp) !== undefined;
}

function stagesOf(begin: readonly Call[], run: readonly Call[]): Stage[] {
  const stages = run.map((call) => [call]);
  return begin.length > 0 ? [[...begin], ...stages] : stages;
}

/** The stages in as few kernels as have room for the parameters. */
function kernelsOf(stages: readonly Stage[], features: CudaFeatures): readonly Call[] {
  for (let kernels = 1; stages.length / kernels >= minStages; kernels++) {
    const begin = (n: number) => Math.floor((n * stages.length) / kernels);
    const all = Array.from({ length: kernels }, (_, n) => persistent(stages.slice(begin(n), begin(n + 1))));
    if (all.every(({ attributes }) => fitsParameters(launch(attributes as Stages, features), features)))
      return all;
  }
  return stages.flat();
}

function persistent(stages: readonly Stage[]): Call {
  const calls = stages.flat();
  const made = new Set(calls.flatMap(({ outputs }) => present(outputs)));
  const read = new Set(calls.flatMap(({ inputs }) => present(inputs)).filter((tensor) => !made.has(tensor)));
  const counters = variable('stages.counters', [stages.length], 'i32');
  const inputs = { counters, ...numbered('read', [...read]) };
  return callOf(persistentOp, inputs, numbered('made', [...made]), { stages, counters });
}

function launch({ stages, counters }: Stages, features: CudaFeatures): Launch {
  const isWide = stages.flat().every((call) => widthOfProjections(call) >= wide);
  const shape = isWide ? large : small;
  return inStages(
    stages.map((calls) => launchOfStage(calls, features, shape)),
    counters,
    shape.blocksOfProcessor,
  );
}

function widthOfProjections(call: Call): number {
  const fused = callOfOp(call, fusedProjectionsOp);
  return fused ? widthOf(fused.attributes.projections.x) : Number.POSITIVE_INFINITY;
}

function launchOfStage(calls: Stage, features: CudaFeatures, shape: BlockShape): Launch {
  const fused = callOfOp(calls[0], fusedProjectionsOp);
  if (fused) return fusedProjections(fused.attributes.projections, features, shape);
  return beside(calls.map(beginning), features, shape);
}

function beginning(call: Call): Launch {
  const embedding = callOfOp(call, embeddingOp);
  return embedding ? embeddingForward(embedding) : lowerBoundsForward(callOfOp(call, lowerBoundsOp)!);
}

export const persistentOnCuda = [
  onCuda(persistentOp, ({ attributes }, features) => [launch(attributes, features)]),
];
