/** The work of a recorded program, from the costs that its ops declare. */
import type { Call } from '../../program/op.ts';
import type { Program } from '../../program/record.ts';
import type { Work } from './energy.ts';

const nothing: Work = {
  ...{ integerAdditions: 0, floatAdditions: 0, floatMultiplications: 0 },
  ...{ productMultiplications: 0, special: 0, bytes: 0 },
};

export function workOf(program: Program): Work {
  return program.calls.map(workOfCall).reduce(sumOf, nothing);
}

function workOfCall(call: Call): Work {
  const work = call.op.cost(call);
  return {
    integerAdditions: work.integerAdditions,
    floatAdditions: work.additions - work.integerAdditions,
    floatMultiplications: work.multiplications,
    productMultiplications: work.productMultiplications,
    special: work.special,
    bytes: work.bytesRead + work.bytesWritten,
  };
}

function sumOf(a: Work, b: Work): Work {
  return {
    integerAdditions: a.integerAdditions + b.integerAdditions,
    floatAdditions: a.floatAdditions + b.floatAdditions,
    floatMultiplications: a.floatMultiplications + b.floatMultiplications,
    productMultiplications: a.productMultiplications + b.productMultiplications,
    special: a.special + b.special,
    bytes: a.bytes + b.bytes,
  };
}

/** Work divided among `tokens`. */
export function perToken(work: Work, tokens: number): Work {
  return Object.fromEntries(
    Object.entries(work).map(([name, value]) => [name, value / tokens]),
  ) as unknown as Work;
}
