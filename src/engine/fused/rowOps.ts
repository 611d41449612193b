/** The calls of fused rows. Only GPUs run them; they are made of calls that every engine has. */
import { type Cost, cost, type Operands, type Tensors } from '../../program/op.ts';
import { rowsOf, sizeOf, widthOf } from '../../program/shapes.ts';
import { fusedOp } from './fusedOp.ts';
import { type RowSource, sourceWidth } from './rowSource.ts';
import type { GradientOfRows, QuantiseRows } from './rows.ts';

/** Operations for an element of a source's result, and for a row of it. */
function sourceCounts({ kind, x }: RowSource): { perElement: number; size: number } {
  const size = rowsOf(x) * sourceWidth({ kind, x } as RowSource);
  return { perElement: kind === 'rmsNorm' ? 3 : kind === 'gatedNorm' ? 5 : 2, size };
}

/** The source once; for each projection its norm's sums, weight and rounding. */
export const quantiseRowsOp = fusedOp<QuantiseRows>('quantiseRows', (call) => {
  const { source, norms } = call.attributes;
  const { perElement, size } = sourceCounts(source);
  return cost(call, {
    additions: (1 + norms.length) * size,
    multiplications: (perElement + 4 * norms.length) * size,
    special: (source.kind === 'rmsNorm' ? 0 : size) + 2 * norms.length * rowsOf(source.x),
  });
});

/** Where the rows of a projection begin among those of its siblings. */
export interface FirstRow {
  readonly first: number;
}

export const ternaryProductOp = fusedOp<
  FirstRow,
  Tensors<'q' | 'step' | 'sum' | 'codes' | 'scale', 'to'>,
  Tensors<'y'>
>(
  'ternaryProduct',
  (call): Cost => {
    const { codes, to } = call.inputs;
    const { size } = call.outputs.y;
    const products = size * widthOf(codes);
    return cost(call, {
      additions: products + (to ? size : 0),
      integerAdditions: products,
      multiplications: size,
    });
  },
  { y: 'to' },
);

export const bitLinearGradientsOp = fusedOp<
  FirstRow,
  Tensors<'dOut' | 'codes' | 'scale' | 'q' | 'step', 'before' | 'largest'>,
  Tensors<'dWeight' | 'dy'>
>(
  'bitLinearGradients',
  (call): Cost => {
    const product = call.outputs.dy.size * sizeOf(call.inputs.codes, 0);
    return cost(call, { additions: 2 * product, productMultiplications: product });
  },
  { dWeight: 'before' },
);

/** dx and dγ0 may be written over the sums so far, dh over h, and a gated unit's dx over x. */
export const gradientOfRowsOps = {
  rmsNorm: gradientOfRowsOp({ dx: 'dxBefore', dgamma: 'dgammaBefore' }),
  gatedNorm: gradientOfRowsOp({ dx: 'dxBefore', dgamma: 'dgammaBefore', dh: 'h' }),
  swiglu: gradientOfRowsOp({ dx: 'x' }),
};

function gradientOfRowsOp(inPlace: Readonly<Record<string, string>>) {
  return fusedOp<GradientOfRows>(
    'gradientOfRows',
    (call) => {
      const { source, norms } = call.attributes;
      const { perElement, size } = sourceCounts(source);
      return cost(call as { inputs: Operands; outputs: Operands }, {
        additions: (6 + 3 * norms.length) * size,
        multiplications: (8 + perElement + 4 * norms.length) * size,
        special: (source.kind === 'rmsNorm' ? 0 : size) + 2 * rowsOf(source.x),
      });
    },
    inPlace,
  );
}
