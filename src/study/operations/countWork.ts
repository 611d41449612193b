/** The work of a token, counted from the program of a pass. */
import { architectureOf, type KvCacheType } from '../../model/architecture.ts';
import type { ModelConfig } from '../../model/config.ts';
import type { ParameterSpec } from '../../model/parameters.ts';
import type { Weights } from '../../model/weights.ts';
import { linearOp } from '../../ops/linear/linear.ts';
import { callOfOp } from '../../program/op.ts';
import type { Program } from '../../program/record.ts';
import { recordTypicalStep } from '../../run/steps.ts';
import { inferenceWeights } from '../inferenceWeights.ts';
import { isReduced, parameterBytes, type WeightFormat } from '../weightFormats.ts';
import { type Energy, type EnergyTable, energyOf, type Work } from './energy.ts';
import { perToken, workOf } from './work.ts';

export interface PassOptions {
  /** Tokens that the pass reads, sharing one reading of the weights. */
  readonly tokens: number;
  /** Tokens that a token attends to, in models that attend. */
  readonly context: number;
  readonly kvCacheType?: KvCacheType | undefined;
  /** In which a dense model's matrices are, if not in the 16 bits in which they are run. */
  readonly format?: WeightFormat | undefined;
}

/** The work of one token of a pass that gives the logits after the last one. */
export function countWork(config: ModelConfig, options: PassOptions): Work {
  const { tokens, context, kvCacheType, format } = options;
  const architecture = architectureOf(config, { kvCacheType });
  const specs = architecture.parameters();
  const weights = inferenceWeights(specs);
  const program = recordTypicalStep({ architecture, weights }, tokens, 'last', context);
  const work = workOf(program);
  return perToken(format ? reduced(work, program, { specs, weights, format }) : work, tokens);
}

interface Reduction {
  readonly specs: readonly ParameterSpec[];
  readonly weights: Weights;
  readonly format: WeightFormat;
}

/** The same work with matrices in a format: fewer bytes, and products of other numbers. */
function reduced(work: Work, program: Program, { specs, weights, format }: Reduction): Work {
  const changed = new Map(specs.filter(isReduced).map((spec) => [weights.get(spec.name), spec]));
  let [bytes, products] = [0, 0];
  for (const call of program.calls) {
    const product = callOfOp(call, linearOp);
    const spec = product && changed.get(product.inputs.weight);
    if (!spec) continue;
    bytes += product.inputs.weight.bytes - parameterBytes(spec, format);
    products += linearOp.cost(product).productMultiplications;
  }
  const integers = format.products === 'int8' ? products : 0;
  return {
    ...work,
    bytes: work.bytes - bytes,
    integerAdditions: work.integerAdditions + integers,
    floatAdditions: work.floatAdditions - integers,
    productMultiplications: 0,
    int8Multiplications: integers,
    bf16Multiplications: work.productMultiplications - integers,
  };
}

/** Joules of a token of a pass. */
export function joulesOfToken(config: ModelConfig, options: PassOptions, table: EnergyTable): number {
  const { arithmetic, memory }: Energy = energyOf(countWork(config, options), table);
  return arithmetic + memory;
}
