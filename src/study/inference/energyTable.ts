/** Joules a token: measured by the card's counter, beside those counted for arithmetic and memory. */
import type { Table } from '../study.ts';
import type { InferenceRow } from './inferenceRow.ts';

/** No table where nothing was measured. */
export function energyTable(rows: readonly InferenceRow[], length: number): Table[] {
  const measured = rows.filter(({ measured }) => measured.forwardJoules !== undefined);
  if (measured.length === 0) return [];
  const joules = (value: number | undefined) => value?.toPrecision(3) ?? '';
  return [
    {
      title: 'Joules a token',
      columns: [
        ...['model', 'forward, measured', 'forward, counted at 7 nm'],
        ...['decode, measured', 'decode, counted at 7 nm'],
      ],
      rows: measured.map(({ size, label, countedJoules, measured: { forwardJoules, decodeJoules } }) => [
        `${label} ${size}`,
        ...[joules(forwardJoules! / length), joules(countedJoules.forward)],
        ...[joules(decodeJoules), joules(countedJoules.decode)],
      ]),
    },
  ];
}

/** Where the joules of a report come from. */
export function describeEnergy(rows: readonly InferenceRow[]): string {
  return rows.some(({ measured }) => measured.forwardJoules !== undefined)
    ? "Measured joules are those of the whole card by its driver's counter (NVML), with what it uses when idle; counted ones " +
        'are of arithmetic and memory alone (study operations).'
    : 'Joules were not measured, since the engine has no counter of energy.';
}
