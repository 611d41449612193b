/** Units and registers that have to be free before an instruction issues. */
import { type Instruction, units } from './instructionSet.ts';

/** Units by their number in `units`; −1 for control. */
export interface Needs {
  readonly unit: number;
  readonly vectors: readonly number[];
  readonly banks: readonly number[];
  /** Scalars read or written. */
  readonly scalars: readonly number[];
  /** The scalar written, 0 for none. */
  readonly written: number;
}

const withoutB = new Set(['mov', 'sig', 'sigc', 'silu', 'qnt']);

export function needsOf({ operation: { name, unit }, fields }: Instruction): Needs {
  const { y, a, b, q, sd = 0 } = fields;
  const vectors = [y, a, withoutB.has(name) ? undefined : b, fields.wr ? fields.to : undefined];
  const scalars = [fields.scale, fields.sa, fields.sb, sd].filter((s) => s !== undefined && s !== 0);
  const present = (list: readonly (number | undefined)[]) => [
    ...new Set(list.filter((x): x is number => x !== undefined)),
  ];
  return {
    unit: unit === 'control' ? -1 : units.indexOf(unit),
    vectors: present(vectors),
    banks: present([q]),
    scalars: present(scalars),
    written: sd,
  };
}
