/** The arms of the study of rounding: weights, queries and keys, each rounded or not, under attention or a recurrence. */
import { type ConfigOptions, namedConfig, type Projections } from '../../model/config.ts';
import type { Arm } from '../arms/arms.ts';
import { bitNet, matmulFree, rwkv, transformer } from '../families.ts';
import { type Rung, shapeOf } from '../scaling/ladder.ts';

/** The rates from which each arm's search starts: rounded weights bear, and need, larger ones. */
const ternaryRates = [5e-3, 1e-2, 2e-2];
const floatRates = [2.5e-3, 5e-3, 1e-2];
const attentionRates = [1e-3, 2e-3, 4e-3];

interface Form extends Pick<Arm, 'name' | 'label' | 'color' | 'rates'> {
  readonly form: ConfigOptions;
  readonly projections?: Projections;
}

const forms = {
  mlgru: {
    name: 'mlgru-ternary',
    label: 'MatMul-free (ternary weights, MLGRU)',
    color: matmulFree.color,
    form: {},
    rates: ternaryRates,
  },
  floatMlgru: {
    name: 'mlgru-float',
    label: 'float weights, MLGRU',
    color: '#92c5de',
    form: { weights: 'float' },
    rates: floatRates,
  },
  bitNet: {
    name: 'bitnet',
    label: 'BitNet b1.58 (ternary weights, attention)',
    color: bitNet.color,
    form: { architecture: 'bitnet' },
    rates: floatRates,
  },
  ternaryLlama: {
    name: 'llama-ternary',
    label: 'ternary weights, Llama',
    color: '#fdb863',
    form: { architecture: 'llama' },
    // As BitLinear is: a norm before each projection, and a ternary head.
    projections: { kind: 'ternary', normEpsilon: 1e-6, exceptions: [] },
    rates: floatRates,
  },
  ternaryScores: {
    name: 'bitnet-ternary-scores',
    label: 'BitNet with ternary queries and keys',
    color: '#c51b7d',
    form: { architecture: 'bitnet', scores: 'ternary' },
    rates: floatRates,
  },
  transformer: {
    name: 'transformer',
    label: 'Transformer++ (float weights, Llama)',
    color: transformer.color,
    form: { architecture: 'llama' },
    rates: attentionRates,
  },
  rwkv: {
    name: 'rwkv',
    label: 'MatMul-free RWKV-4',
    color: rwkv.color,
    form: { architecture: 'rwkv' },
    rates: ternaryRates,
  },
} as const satisfies Record<string, Form>;

export type FormName = keyof typeof forms;

/** An arm of this form and size. */
export function armOf(name: FormName, rung: Rung): Arm {
  const { form, projections, ...arm }: Form = forms[name];
  return {
    ...arm,
    config: (vocabulary) => ({
      ...namedConfig('tiny', { ...shapeOf(rung, vocabulary), ...form }),
      ...(projections ? { projections } : {}),
    }),
  };
}
