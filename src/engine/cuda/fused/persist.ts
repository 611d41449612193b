/** Decoding without launches between a model's blocks: the fused calls of a token, one after the other, become stages. */
import type { CudaFeatures, Launch } from '../../../kernels/cuda/launch.ts';
import { onCuda } from '../../../kernels/cuda/lowering.ts';
import { type Call, callOfOp, present, sumOfCosts } from '../../../program/op.ts';
import type { Program } from '../../../program/record.ts';
import { rowsOf, widthOf } from '../../../program/shapes.ts';
import { type Tensor, variable } from '../../../program/tensor.ts';
import { fusedProjectionsOp } from '../../fused/fuse.ts';
import { callOf, fusedOp, numbered } from '../../fused/fusedOp.ts';
import type { FusedProjections } from '../../fused/projections.ts';
import { withoutCalls } from '../../fused/uses.ts';
import { fusedProjections } from './projections.cuda.ts';
import { fitsParameters, inStages } from './stages.cuda.ts';

interface Stages {
  readonly stages: readonly FusedProjections[];
  /** i32 [stages], zeros: a variable, which keeps what the kernel leaves there for its next run. */
  readonly counters: Tensor;
  readonly replaced: readonly Call[];
}

const persistentOp = fusedOp<Stages>('persistentProjections', ({ attributes: { replaced } }) =>
  sumOfCosts(replaced.map((call) => call.op.cost(call))),
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
  let run: Call[] = [];
  const end = () => {
    rewritten.calls.push(...(run.length < minStages ? run : kernelsOf(run, features)));
    run = [];
  };
  for (const call of program.calls) {
    const fused = callOfOp(call, fusedProjectionsOp);
    if (fused && rowsOf(fused.attributes.projections.x) === 1) {
      run.push(call);
      continue;
    }
    end();
    rewritten.calls.push(call);
  }
  end();
  return rewritten;
}

/** The calls in as few kernels as have room for the parameters. */
function kernelsOf(calls: readonly Call[], features: CudaFeatures): readonly Call[] {
  for (let kernels = 1; calls.length / kernels >= minStages; kernels++) {
    const begin = (n: number) => Math.floor((n * calls.length) / kernels);
    const all = Array.from({ length: kernels }, (_, n) => stagesOf(calls.slice(begin(n), begin(n + 1))));
    if (all.every(({ attributes }) => fitsParameters(launch(attributes as Stages, features), features)))
      return all;
  }
  return calls;
}

function stagesOf(calls: readonly Call[]): Call {
  const stages = calls.map((call) => callOfOp(call, fusedProjectionsOp)!.attributes.projections);
  const made = new Set(calls.flatMap(({ outputs }) => present(outputs)));
  const read = new Set(calls.flatMap(({ inputs }) => present(inputs)).filter((tensor) => !made.has(tensor)));
  const counters = variable('stages.counters', [calls.length], 'i32');
  const inputs = { counters, ...numbered('read', [...read]) };
  return callOf(persistentOp, inputs, numbered('made', [...made]), { stages, counters, replaced: calls });
}

function launch({ stages, counters }: Stages, features: CudaFeatures): Launch {
  const isWide = stages.every(({ x }) => widthOf(x) >= wide);
  const shape = isWide ? large : small;
  return inStages(
    stages.map((one) => fusedProjections(one, features, shape)),
    counters,
    shape.blocksOfProcessor,
  );
}

export const persistentOnCuda = [
  onCuda(persistentOp, ({ attributes }, features) => [launch(attributes, features)]),
];
