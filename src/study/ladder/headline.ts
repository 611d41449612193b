/** What equal loss takes: parameters, operations of training, bytes of weights, joules of a generated token. */
import { architectureOf } from '../../model/architecture.ts';
import type { Family } from '../families.ts';
import { inferenceWeights } from '../inferenceWeights.ts';
import { joulesOfToken } from '../operations/countWork.ts';
import { energyTables } from '../operations/energy.ts';
import { trainingFlops } from '../scaling/flops.ts';
import { shapeOf } from '../scaling/ladder.ts';
import { type Band, type Fitted, parametersAtEqualLoss } from './equalLoss.ts';
import type { GridResults, GridRow } from './grid.ts';

/** A size and a number of tokens of the second family, and what the first one takes over what that takes. */
export interface EqualLoss {
  readonly parameters: number;
  readonly tokens: number;
  readonly times: Band;
  readonly operations: number;
  readonly bytes: number;
  readonly joules: number;
}

export interface FamilyFit {
  readonly family: Family;
  readonly fitted: Fitted;
}

/** No further than what was trained. */
export function equalLosses(
  grid: Pick<GridResults, 'plan' | 'corpus'>,
  [first, second]: readonly [FamilyFit, FamilyFit],
  rows: readonly GridRow[],
): EqualLoss[] {
  const own = rows.filter(({ family }) => family === first.family.name);
  const beside = rows.filter(({ family }) => family === second.family.name);
  const largest = Math.max(...own.map(({ parameters }) => parameters));
  const costs = [costsOf(grid, first.family, own), costsOf(grid, second.family, beside)] as const;
  return beside.flatMap(({ parameters, outcome: { tokens } }) => {
    const times = parametersAtEqualLoss(first.fitted, second.fitted, { parameters, tokens });
    if (!times || times.value * parameters > largest) return [];
    const ratio = (of: Exclude<keyof Costs, 'parameters'>) =>
      costAt(costs[0], of, times.value * parameters) / costAt(costs[1], of, parameters);
    const [operations, bytes, joules] = [ratio('operations'), ratio('bytes'), ratio('joules')];
    return [{ parameters, tokens, times, operations, bytes, joules }];
  });
}

interface Costs {
  readonly parameters: number;
  /** Of training, for a token. */
  readonly operations: number;
  readonly bytes: number;
  readonly joules: number;
}

/** The costs of the sizes that a family has, from small to large. */
function costsOf(
  { plan, corpus }: Pick<GridResults, 'plan' | 'corpus'>,
  family: Family,
  rows: readonly GridRow[],
): Costs[] {
  const sizes = new Map(rows.map(({ parameters, rung }) => [parameters, rung]));
  return [...sizes]
    .sort(([a], [b]) => a - b)
    .map(([parameters, rung]) => {
      const config = family.config(shapeOf(rung, corpus.vocabulary));
      const pass = { tokens: 1, context: plan.length, kvCacheType: 'f16' } as const;
      const weights = inferenceWeights(architectureOf(config).parameters());
      return {
        parameters,
        operations: trainingFlops(family, config, { tokens: 1, length: plan.length }),
        bytes: weights.all().reduce((sum, { bytes }) => sum + bytes, 0),
        joules: joulesOfToken(config, pass, energyTables.at(-1)!),
      };
    });
}

/** A cost at a size between those that were trained, on a line in logarithms through its neighbours. */
function costAt(costs: readonly Costs[], of: Exclude<keyof Costs, 'parameters'>, parameters: number): number {
  const end = Math.max(
    1,
    costs.findIndex((one) => one.parameters >= parameters),
  );
  const [left, right] = [costs[end - 1]!, costs[end] ?? costs[end - 1]!];
  if (left.parameters === right.parameters) return left[of];
  const share = Math.log(parameters / left.parameters) / Math.log(right.parameters / left.parameters);
  return left[of] * (right[of] / left[of]) ** share;
}
