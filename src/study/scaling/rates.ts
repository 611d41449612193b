/**
 * Learning rates by size. The best rate falls as models grow: to find it again for each size would take most of a
 * study, so it is searched at two sizes, and a power of the width is drawn through what is found there.
 *
 * With Adam the best rate of a matrix goes with 1/width where everything else is parametrised for it (Yang et al.
 * 2022, Tensor Programs V: μTransfer); the paper's own rates do for its MatMul-free models (4e-3, 2.5e-3 and 1.5e-3
 * at widths of 1024, 2048 and 2560: an exponent of −1.1 from first to last), and not at all for Transformer++ (3e-4
 * at each). The exponent is therefore held between −1 and 0: two noisy optima must not run away.
 */

/** The loss that training with a rate came to; infinite if it diverged. */
export interface Trial {
  readonly rate: number;
  readonly loss: number;
}

export interface Optimum {
  readonly width: number;
  readonly rate: number;
}

/** rate = at.rate · (width / at.width)^exponent */
export interface RateRule {
  readonly exponent: number;
  /** The rates that follow from the two optima alone. */
  readonly found: number;
  readonly at: Optimum;
}

/** Further tries beyond a grid whose best rate lies at its edge. */
const maxExtensions = 3;

/**
 * The losses of a grid of rates, and of further ones while the best is at the edge. A grid of one rate is no search.
 * @param attempt trains with a rate and returns the loss
 */
export async function searchRates(
  grid: readonly number[],
  attempt: (rate: number) => Promise<number>,
): Promise<readonly Trial[]> {
  const tryRate = async (rate: number): Promise<Trial> => ({ rate, loss: await attempt(rate) });
  const trials = await Promise.all(grid.map(tryRate));
  if (grid.length === 1) return trials;
  for (;;) {
    const rate = nextRate(trials, grid.length);
    if (rate === undefined) return trials;
    trials.push(await tryRate(rate));
  }
}

/** The next rate to try, one factor of two beyond the edge of the tried ones that is the best; none if none is. */
export function nextRate(trials: readonly Trial[], grid: number): number | undefined {
  if (trials.length >= grid + maxExtensions) return undefined;
  const [sorted, best] = [byRate(trials), bestOf(trials)];
  const beyond = best === sorted[0] ? best.rate / 2 : best === sorted.at(-1) ? best.rate * 2 : undefined;
  return beyond !== undefined && beyond <= 1 ? beyond : undefined;
}

export function bestOf(trials: readonly Trial[]): Trial {
  return trials.reduce((one, other) => (other.loss < one.loss ? other : one));
}

/** The lowest point of a parabola through the best trial and its neighbours, over the logarithm of the rate. */
export function optimumOf(trials: readonly Trial[]): number {
  const [sorted, best] = [byRate(trials), bestOf(trials)];
  const place = sorted.indexOf(best);
  const [low, high] = [sorted[place - 1], sorted[place + 1]];
  if (!low || !high || !Number.isFinite(low.loss) || !Number.isFinite(high.loss)) return best.rate;
  const [left, right] = [Math.log(best.rate / low.rate), Math.log(high.rate / best.rate)];
  const [down, up] = [(best.loss - low.loss) / left, (high.loss - best.loss) / right];
  // Slopes left and right of the best; the parabola's own is zero where the line through them is.
  const curve = (up - down) / ((left + right) / 2);
  if (!(curve > 0)) return best.rate;
  const slope = (down * right + up * left) / (left + right);
  const shift = Math.min(Math.max(-slope / curve, -left), right);
  return best.rate * Math.exp(shift);
}

/** Through optima of two different widths; from the first alone while there is no second. */
export function rateRule(first: Optimum, second: Optimum | undefined): RateRule {
  if (!second) return { exponent: 0, found: 0, at: first };
  const found = Math.log(second.rate / first.rate) / Math.log(second.width / first.width);
  const exponent = Math.min(Math.max(found, -1), 0);
  // Held back, the line goes through the middle of the two.
  const middle = { width: Math.sqrt(first.width * second.width), rate: Math.sqrt(first.rate * second.rate) };
  return { exponent, found, at: middle };
}

export function rateFor({ exponent, at }: RateRule, width: number): number {
  return at.rate * (width / at.width) ** exponent;
}

function byRate(trials: readonly Trial[]): Trial[] {
  return [...trials].sort((a, b) => a.rate - b.rate);
}
