/**
 * L(N, D) = E + A · N^−α + B · D^−β: the loss by parameters and training tokens (Hoffmann et al. 2022), with a part E
 * that no size removes. For exponents given, E, A and B are linear and follow by least squares, none below zero; the
 * exponents are searched. A Huber loss of relative residuals keeps single runs from bending the law.
 */
export interface Trained {
  readonly parameters: number;
  readonly tokens: number;
  readonly loss: number;
}

export interface LossLaw {
  readonly irreducible: number;
  readonly a: number;
  readonly alpha: number;
  readonly b: number;
  readonly beta: number;
}

/** Relative residuals beyond this count linearly. */
const huber = 1e-3;
const [lowest, highest] = [0.02, 1.5];

/**
 * @param runs five or more, of several sizes and several numbers of tokens
 * @param near a law of much the same runs, to start from
 */
export function fitLossLaw(runs: readonly Trained[], near?: LossLaw): LossLaw {
  const at = (alpha: number, beta: number) => linearPart(runs, alpha, beta);
  const grid = [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9];
  const starts = near
    ? [at(near.alpha, near.beta)]
    : grid.flatMap((alpha) => grid.map((beta) => at(alpha, beta)));
  let best = starts.reduce((one, other) => (other.cost < one.cost ? other : one));
  // A pattern of steps around the best, halved when none of them is better.
  for (let step = near ? 0.02 : 0.08; step > 1e-3; ) {
    const { alpha, beta } = best.law;
    const around = [-step, 0, step].flatMap((x) =>
      [-step, 0, step].map((y) => [alpha + x, beta + y] as const),
    );
    const found = around
      .filter((pair) => pair.every((exponent) => exponent >= lowest && exponent <= highest))
      .map((pair) => at(...pair))
      .reduce((one, other) => (other.cost < one.cost ? other : one), best);
    if (found.cost < best.cost) best = found;
    else step /= 2;
  }
  return best.law;
}

export function lossAt(
  { irreducible, a, alpha, b, beta }: LossLaw,
  parameters: number,
  tokens: number,
): number {
  return irreducible + a * parameters ** -alpha + b * tokens ** -beta;
}

/** Parameters with which so many tokens reach a loss; none if no size does. */
export function parametersFor({ irreducible, a, alpha, b, beta }: LossLaw, loss: number, tokens: number) {
  const left = loss - irreducible - b * tokens ** -beta;
  return left > 0 && a > 0 ? (a / left) ** (1 / alpha) : undefined;
}

/** E, A and B for these exponents, by least squares that are weighted again until they minimise the Huber loss. */
function linearPart(runs: readonly Trained[], alpha: number, beta: number) {
  // Divided by values at the middle of the data, so that the columns are of one magnitude.
  const [n, d] = [middle(runs.map((run) => run.parameters)), middle(runs.map((run) => run.tokens))];
  const columns = runs.map((run) => [1, (run.parameters / n) ** -alpha, (run.tokens / d) ** -beta]);
  let weights = runs.map(({ loss }) => 1 / loss ** 2);
  let solution = [0, 0, 0];
  let residuals: number[] = [];
  for (let round = 0; round < 8; round++) {
    solution = nonNegative(columns, runs, weights);
    residuals = runs.map(({ loss }, k) => dot(columns[k]!, solution) / loss - 1);
    if (residuals.every((residual) => Math.abs(residual) <= huber)) break; // no weight would change
    weights = runs.map(({ loss }, k) => Math.min(1, huber / Math.abs(residuals[k]!)) / loss ** 2);
  }
  const [irreducible, a, b] = solution as [number, number, number];
  const law = { irreducible, a: a * n ** alpha, alpha, b: b * d ** beta, beta };
  return { law, cost: residuals.reduce((sum, residual) => sum + huberOf(residual), 0) };
}

function huberOf(residual: number): number {
  const size = Math.abs(residual);
  return size <= huber ? size ** 2 / 2 : huber * (size - huber / 2);
}

const subsets = [[0, 1, 2], [0, 1], [0, 2], [1, 2], [0], [1], [2]];

/** Weighted least squares with no coefficient below zero: the best of those with some of them zero. */
function nonNegative(
  columns: readonly (readonly number[])[],
  runs: readonly Trained[],
  weights: readonly number[],
): number[] {
  const sums = normalEquations(columns, runs, weights);
  const costOf = (solution: readonly number[]) =>
    sums.reduce((total, row, i) => total + solution[i]! * (dot(row, solution) - 2 * row[3]!), 0);
  const solutions: number[][] = [];
  for (const used of subsets) {
    const found = solve(used.map((i) => [...used.map((j) => sums[i]![j]!), sums[i]![3]!]));
    if (!found?.every((value) => value >= 0)) continue;
    const whole = [0, 0, 0];
    used.forEach((place, k) => {
      whole[place] = found[k]!;
    });
    if (used.length === 3) return whole; // the best of all
    solutions.push(whole);
  }
  return solutions.reduce((one, other) => (costOf(other) < costOf(one) ? other : one));
}

/** Rows of the three columns' weighted products with one another, and with the losses. */
function normalEquations(
  columns: readonly (readonly number[])[],
  runs: readonly Trained[],
  weights: readonly number[],
): number[][] {
  const sums = [0, 1, 2].map(() => [0, 0, 0, 0]);
  for (let k = 0; k < runs.length; k++) {
    const [column, weight] = [columns[k]!, weights[k]!];
    for (let i = 0; i < 3; i++) {
      const [row, weighted] = [sums[i]!, weight * column[i]!];
      for (let j = 0; j < 3; j++) row[j]! += weighted * column[j]!;
      row[3]! += weighted * runs[k]!.loss;
    }
  }
  return sums;
}

/** Gaussian elimination of rows with their right sides last; none if they are dependent. */
function solve(matrix: number[][]): number[] | undefined {
  const size = matrix.length;
  for (let column = 0; column < size; column++) {
    const pivot = matrix
      .slice(column)
      .reduce((one, row) => (Math.abs(row[column]!) > Math.abs(one[column]!) ? row : one));
    matrix.splice(matrix.indexOf(pivot), 1);
    matrix.splice(column, 0, pivot);
    if (Math.abs(pivot[column]!) < 1e-12) return undefined;
    for (const row of matrix) {
      if (row === pivot) continue;
      const factor = row[column]! / pivot[column]!;
      for (let k = column; k <= size; k++) row[k]! -= factor * pivot[k]!;
    }
  }
  return matrix.map((row, k) => row[size]! / row[k]!);
}

/** Of the first three elements. */
function dot(a: readonly number[], b: readonly number[]): number {
  return a[0]! * b[0]! + a[1]! * b[1]! + a[2]! * b[2]!;
}

/** The geometric mean. */
function middle(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
