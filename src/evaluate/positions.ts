/** Loss by position: how well a token is predicted after so many tokens of its text, up to the context length. */

/** Tokens with from `from` to below `end` tokens of the text before them. */
export interface PositionScore {
  readonly from: number;
  readonly end: number;
  readonly tokens: number;
  /** Of these tokens. */
  readonly bytes: number;
  /** Sum of natural logarithms of their probabilities. */
  readonly logLikelihood: number;
}

export interface PositionedToken {
  /** Tokens of the text before it in its window. */
  readonly position: number;
  readonly bytes: number;
  readonly logProbability: number;
}

/** Stretches that double: 0, 1, 2–3, 4–7, … */
function stretchOf(position: number): { readonly from: number; readonly end: number } {
  const from = position === 0 ? 0 : 2 ** Math.floor(Math.log2(position));
  return { from, end: Math.max(1, 2 * from) };
}

export function scoresByPosition(tokens: readonly PositionedToken[]): PositionScore[] {
  return sumPositions([
    tokens.map(({ position, bytes, logProbability }) => ({
      ...stretchOf(position),
      ...{ tokens: 1, bytes, logLikelihood: logProbability },
    })),
  ]);
}

/** The sums of several texts. */
export function sumPositions(lists: readonly (readonly PositionScore[])[]): PositionScore[] {
  const sums = new Map<number, PositionScore>();
  for (const one of lists.flat()) {
    const { tokens = 0, bytes = 0, logLikelihood = 0 } = sums.get(one.from) ?? {};
    sums.set(one.from, {
      ...one,
      tokens: tokens + one.tokens,
      bytes: bytes + one.bytes,
      logLikelihood: logLikelihood + one.logLikelihood,
    });
  }
  return [...sums.values()].sort((a, b) => a.from - b.from);
}

/** Undefined for tokens without bytes. */
export function bitsPerByte({ logLikelihood, bytes }: PositionScore): number | undefined {
  return bytes > 0 ? -logLikelihood / bytes / Math.LN2 : undefined;
}
