/** Straight lines through losses in logarithms, how sure one can be of them, and where two of them cross. */
import { SeededRandom } from '../../text/seededRandom.ts';

/** log₁₀ y = intercept + slope · log₁₀ x */
export interface Line {
  readonly intercept: number;
  readonly slope: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A line with others that the data could as well have given. */
export interface Fit extends Line {
  readonly samples: readonly Line[];
}

const sampleCount = 2000;

/** Least squares in logarithms, and a bootstrap of its residuals. @param points three or more, x and y above 0 */
export function fitPowerLaw(points: readonly Point[], seed: number): Fit {
  const xs = points.map(({ x }) => Math.log10(x));
  const ys = points.map(({ y }) => Math.log10(y));
  const line = leastSquares(xs, ys);
  const center = mean(xs);
  const spread = xs.reduce((sum, x) => sum + (x - center) ** 2, 0);
  // A point at the edge draws the line towards itself: its residual is scaled up to what it would be without.
  const residuals = xs.map((x, k) => {
    const leverage = 1 / xs.length + (x - center) ** 2 / spread;
    return (ys[k]! - valueAt(line, x)) / Math.sqrt(Math.max(1 - leverage, 1e-3));
  });
  const centered = residuals.map((residual) => residual - mean(residuals));
  const random = new SeededRandom(seed);
  const samples = Array.from({ length: sampleCount }, () =>
    leastSquares(
      xs,
      xs.map((x) => valueAt(line, x) + centered[random.integer(centered.length)]!),
    ),
  );
  return { ...line, samples };
}

export function predict(line: Line, x: number): number {
  return 10 ** valueAt(line, Math.log10(x));
}

/** The range of 95 of 100 samples at x. */
export function bandAt({ samples }: Fit, x: number): { readonly low: number; readonly high: number } {
  const values = samples.map((line) => predict(line, x)).sort((a, b) => a - b);
  return { low: quantile(values, 0.025), high: quantile(values, 0.975) };
}

/** The relation of two lines, a and b, where b is expected to begin lower. */
export interface Crossing {
  /**
   * `behind`: a is below b at `from` already. `ahead`: it is above there, and will fall below. `never`: it is above
   * and falls no faster. `unclear`: fewer than 39 of 40 samples say one of these.
   */
  readonly kind: 'behind' | 'ahead' | 'never' | 'unclear';
  /** Shares of the samples in which a is below b at `from`, and in which it falls below further on. */
  readonly behind: number;
  readonly ahead: number;
  /** The intersection of the two lines, even outside the measured range; absent if they are parallel. */
  readonly at?: number;
  /** The range of 95 of 100 intersections, over the samples in which a falls faster than b. */
  readonly low?: number;
  readonly high?: number;
}

/** As sure as a band of 95 in 100 is on one side. */
const sure = 0.975;

/** @param from the end of what was measured: values beyond it are predictions */
export function crossingOf(a: Fit, b: Fit, from: number): Crossing {
  const at = meeting(a, b);
  const pairs = a.samples.map((sample, k) => [sample, b.samples[k]!] as const);
  const isBelow = ([one, other]: readonly [Line, Line]) => predict(one, from) <= predict(other, from);
  const falls = pairs.filter(([one, other]) => one.slope < other.slope);
  const behind = pairs.filter(isBelow).length / pairs.length;
  const ahead = falls.filter((pair) => !isBelow(pair)).length / pairs.length;
  const meetings = falls
    .map(([one, other]) => meeting(one, other))
    .filter((x) => x !== undefined)
    .sort((x, y) => x - y);
  return {
    kind: kindOf(behind, ahead, at),
    ...{ behind, ahead },
    ...(at === undefined ? {} : { at }),
    ...(meetings.length > 0 ? { low: quantile(meetings, 0.025), high: quantile(meetings, 0.975) } : {}),
  };
}

function kindOf(behind: number, ahead: number, at: number | undefined): Crossing['kind'] {
  if (behind >= sure) return 'behind';
  if (1 - behind - ahead >= sure) return 'never';
  return behind + ahead >= sure && at !== undefined ? 'ahead' : 'unclear';
}

function meeting(a: Line, b: Line): number | undefined {
  const x = 10 ** ((b.intercept - a.intercept) / (a.slope - b.slope));
  return Number.isFinite(x) && x > 0 ? x : undefined;
}

function leastSquares(xs: readonly number[], ys: readonly number[]): Line {
  const [cx, cy] = [mean(xs), mean(ys)];
  const above = xs.reduce((sum, x, k) => sum + (x - cx) * (ys[k]! - cy), 0);
  const below = xs.reduce((sum, x) => sum + (x - cx) ** 2, 0);
  const slope = above / below;
  return { slope, intercept: cy - slope * cx };
}

function valueAt({ intercept, slope }: Line, logX: number): number {
  return intercept + slope * logX;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of sorted values, between the two nearest. */
function quantile(sorted: readonly number[], share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const next = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return sorted[below]! + (place - below) * (next - sorted[below]!);
}
