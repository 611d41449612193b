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
  const { additions, multiplications, productMultiplications, special, bytesRead, bytesWritten } =
    call.op.cost(call);
  const integerAdditions = ternaryAdditions(call);
  return {
    integerAdditions,
    floatAdditions: additions - integerAdditions,
    floatMultiplications: multiplications,
    ...{ productMultiplications, special },
    bytes: bytesRead + bytesWritten,
  };
}

/** An addition for each weight of a packed matrix [out, in] and each row of the output [.., out]. */
function ternaryAdditions({ inputs, outputs }: Call): number {
  const matrix = inputs.find((tensor) => tensor?.dtype === 'ternary');
  if (!matrix) return 0;
  const rows = outputs[0]!.size / matrix.shape[0]!;
  return rows * matrix.size;
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
