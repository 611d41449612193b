/** An engine's table of lowerings: what it runs for each op. */
import type { Call, Op } from '../program/op.ts';
import type { Program } from '../program/record.ts';

export type Lowerings<L> = ReadonlyMap<Op, L>;

/** The table of these rows; throws if an op has two. */
export function lowerings<L>(rows: readonly (readonly [Op, L])[]): Lowerings<L> {
  const table = new Map<Op, L>();
  for (const [op, lowering] of rows) {
    if (table.has(op)) throw new Error(`op ${op.name} has two lowerings for one engine`);
    table.set(op, lowering);
  }
  return table;
}

/**
 * The lowering of each call of a program.
 * @throws Error that names all ops without a lowering
 */
export function lowerProgram<L, R>(
  engine: string,
  program: Program,
  table: Lowerings<L>,
  lower: (lowering: L, call: Call) => R,
): Map<Call, R> {
  const missing = program.calls.filter(({ op }) => !table.has(op)).map(({ op }) => op.name);
  if (missing.length > 0) {
    const names = [...new Set(missing)].sort().join(', ');
    throw new Error(
      `program ${program.name}: the ${engine} engine has no lowering for ${names}; choose another engine, or add one to its table`,
    );
  }
  return new Map(
    program.calls.flatMap((call) => {
      const lowering = table.get(call.op);
      return lowering ? [[call, lower(lowering, call)]] : [];
    }),
  );
}
