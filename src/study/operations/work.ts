/** The work of a recorded program, from the costs that its ops declare. */
import { sumOfCosts } from '../../program/op.ts';
import type { Program } from '../../program/record.ts';
import type { Work } from './energy.ts';

export function workOf(program: Program): Work {
  const total = sumOfCosts(program.calls.map((call) => call.op.cost(call)));
  return {
    integerAdditions: total.integerAdditions,
    floatAdditions: total.additions - total.integerAdditions,
    floatMultiplications: total.multiplications,
    productMultiplications: total.productMultiplications,
    special: total.special,
    bytes: total.bytesRead + total.bytesWritten,
  };
}

/** Work divided among `tokens`. */
export function perToken(work: Work, tokens: number): Work {
  return Object.fromEntries(
    Object.entries(work).map(([name, value]) => [name, value / tokens]),
  ) as unknown as Work;
}
