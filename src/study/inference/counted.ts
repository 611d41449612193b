/** Memory of a Transformer with weights, keys and values in fewer bits: counted, not run. */
import { formatBytes } from '../../format.ts';
import { architectureOf, type KvCacheType } from '../../model/architecture.ts';
import type { Table } from '../study.ts';
import { weightBytes, weightFormats } from '../weightFormats.ts';
import { type InferenceCase, type InferencePlan, planInference } from './measureInference.ts';

export interface CountedRow extends InferencePlan {
  readonly size: string;
  readonly weightsIn: string;
  readonly keysAndValuesIn: KvCacheType;
  /** All of its bytes over those of the MatMul-free model of the same size. */
  readonly times: number;
}

/** As they are mostly kept; f32, as in the measurements, stands among what is planned. */
const caches: readonly KvCacheType[] = ['f16', 'int8'];

export function countReduced(
  size: string,
  one: Pick<InferenceCase, 'config' | 'length'>,
  beside: InferencePlan,
): CountedRow[] {
  const specs = architectureOf(one.config).parameters();
  const plans = caches.map((kvCacheType) => ({ kvCacheType, plan: planInference({ ...one, kvCacheType }) }));
  return weightFormats.flatMap((format) =>
    plans.map(({ kvCacheType, plan }) => {
      const counted = { ...plan, weights: weightBytes(specs, format) };
      return {
        ...{ size, weightsIn: format.label, keysAndValuesIn: kvCacheType, ...counted },
        times: totalOf(counted) / totalOf(beside),
      };
    }),
  );
}

function totalOf({ weights, state, temporaries }: InferencePlan): number {
  return weights + state + temporaries;
}

export function countedTable(rows: readonly CountedRow[]): Table {
  return {
    title: 'Counted: Transformer++ in fewer bits',
    columns: [
      ...['Transformer++', 'weights in', 'keys and values in', 'weights', 'keys and values', 'temporaries'],
      ...['together', 'times MatMul-free'],
    ],
    rows: rows.map((row) => [
      ...[row.size, row.weightsIn, row.keysAndValuesIn],
      ...[row.weights, row.state, row.temporaries, totalOf(row)].map(formatBytes),
      row.times.toFixed(2),
    ]),
  };
}
