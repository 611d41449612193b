/** What two families need for the same loss, by laws fitted to both, with bands from the bootstrap. */
import { SeededRandom } from '../../text/seededRandom.ts';
import { fitLossLaw, type LossLaw, lossAt, parametersFor, type Trained } from './lossLaw.ts';

export interface Fitted {
  readonly law: LossLaw;
  readonly runs: readonly Trained[];
  /** Laws of runs drawn again from the law and its residuals. */
  readonly samples: readonly LossLaw[];
}

export interface Band {
  readonly value: number;
  /** Of 95 of 100 samples. */
  readonly low: number;
  readonly high: number;
}

const sampleCount = 200;

/** @param noise standard deviation of the logarithm of the loss over seeds */
export function fitWithSamples(runs: readonly Trained[], noise: number, seed: number): Fitted {
  const law = fitLossLaw(runs);
  const predicted = runs.map(({ parameters, tokens }) => lossAt(law, parameters, tokens));
  const residuals = runs.map(({ loss }, k) => Math.log(loss / predicted[k]!));
  const random = new SeededRandom(seed);
  const samples = Array.from({ length: sampleCount }, () =>
    fitLossLaw(
      runs.map((run, k) => ({
        ...run,
        loss: predicted[k]! * Math.exp(residuals[random.integer(runs.length)]! + noise * random.normal()),
      })),
      law,
    ),
  );
  return { law, runs, samples };
}

/**
 * How many times the parameters of the second family the first one needs for its loss, with as many tokens.
 * @returns none if a law does not reach that loss with these tokens
 */
export function parametersAtEqualLoss(
  first: Fitted,
  second: Fitted,
  at: { readonly parameters: number; readonly tokens: number },
): Band | undefined {
  const ratio = (one: LossLaw, other: LossLaw) => {
    const needed = parametersFor(one, lossAt(other, at.parameters, at.tokens), at.tokens);
    return needed === undefined ? undefined : needed / at.parameters;
  };
  const value = ratio(first.law, second.law);
  if (value === undefined) return undefined;
  // A sample that never reaches the loss needs infinitely many.
  const ratios = first.samples
    .map((law, k) => ratio(law, second.samples[k]!) ?? Number.POSITIVE_INFINITY)
    .sort((a, b) => a - b);
  const quantile = (share: number) => ratios[Math.round(share * (ratios.length - 1))]!;
  return { value, low: quantile(0.025), high: quantile(0.975) };
}
