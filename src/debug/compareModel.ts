/** Finds the op of a model whose result on one engine is not that of another, such as the reference engine. */
import type { Engine } from '../engine/engine.ts';
import type { EngineOptions } from '../engine/engines.ts';
import { WebGpuEngine } from '../engine/webgpu/webgpuEngine.ts';
import { LanguageModel } from '../languageModel.ts';
import { loadIntoEngine } from '../loadModel.ts';
import { type ComparedOutput, ComparingEngine } from './comparingEngine.ts';
import { type Difference, differenceOf } from './difference.ts';
import { toleranceOf } from './tolerances.ts';

export interface ComparedEngines {
  /** The engine under suspicion; it is created twice. */
  create(options: Pick<EngineOptions, 'unfused'>): Promise<Engine>;
  /** The engine that is right. */
  createExpected(): Promise<Engine>;
}

/** All outputs of one kind of op. */
export interface OpDifferences {
  readonly op: string;
  readonly outputs: number;
  readonly exceeding: number;
  /** Relative to the largest entry of the output. */
  readonly largest: number;
  readonly tolerance: number;
}

export interface ModelComparison {
  /** The first output that exceeds its op's tolerance. */
  readonly first: ComparedOutput | undefined;
  /** In order of first use. */
  readonly ops: readonly OpDifferences[];
  /**
   * Logits of a usual run, whose ops are fused and whose temporaries share memory, against those of the compared run,
   * where neither is so.
   */
  readonly usualLogits: Difference;
}

/**
 * Fused ops round in other places, and a value between two int8 steps may then go to either; a few such steps change
 * logits by a few percent of the largest. A wrong kernel changes them altogether.
 */
const logitTolerance = 0.1;

/**
 * Runs tokens through a model, op by op on both engines.
 * @throws InputError as `LanguageModel.load` and `forward` do
 */
export async function compareModel(
  source: string,
  tokens: readonly number[],
  { create, createExpected }: ComparedEngines,
  signal?: AbortSignal,
): Promise<ModelComparison> {
  const outputs: ComparedOutput[] = [];
  const createBoth = async () => {
    const engine = await create({ unfused: true });
    const inHalves = engine instanceof WebGpuEngine && engine.features.halfMatrices;
    return new ComparingEngine(engine, {
      against: await createExpected(),
      toleranceOf: (op) => toleranceOf(op, inHalves),
      onOutput: (output) => outputs.push(output),
    });
  };
  const logitsOn = async (engine: () => Promise<Engine>) => {
    await using model = new LanguageModel(await loadIntoEngine(source, engine, { signal }));
    return (await model.forward(tokens, { signal })).logits;
  };
  const [compared, usual] = [await logitsOn(createBoth), await logitsOn(() => create({ unfused: false }))];
  return {
    first: outputs.find(({ first }) => first),
    ops: byOp(outputs),
    usualLogits: differenceOf(usual, compared, logitTolerance),
  };
}

function byOp(outputs: readonly ComparedOutput[]): OpDifferences[] {
  const rows = new Map<string, OpDifferences>();
  for (const { op, largest, tolerance, first } of outputs) {
    const row = rows.get(op) ?? { op, outputs: 0, exceeding: 0, largest: 0, tolerance };
    rows.set(op, {
      ...row,
      outputs: row.outputs + 1,
      exceeding: row.exceeding + (first ? 1 : 0),
      largest: Math.max(row.largest, largest),
    });
  }
  return [...rows.values()];
}
