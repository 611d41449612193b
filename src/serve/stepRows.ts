/**
 * The rows of a step: how many tokens of each sequence it takes. Every sequence has at least one. The rest goes to prompts,
 * in equal shares by client and then by sequence, so that a client with many prompts does not slow those of others.
 */
export interface Claim {
  readonly client: string;
  /** Tokens that are still to be read, at least one. */
  readonly remaining: number;
  /** Whether the logits of all its tokens are wanted, which takes memory. */
  readonly wantsAll: boolean;
}

export interface StepLimits {
  /** Rows of the step; at least one for each claim. */
  readonly rows: number;
  /** Rows of claims that want all logits; at least one for each of them. */
  readonly logitRows: number;
}

/** Returns the rows of each claim. */
export function stepRows(claims: readonly Claim[], { rows, logitRows }: StepLimits): number[] {
  const readers = claims.filter(({ wantsAll }) => wantsAll).length;
  const perReader = Math.floor(logitRows / Math.max(readers, 1));
  const wanted = claims.map(
    ({ remaining, wantsAll }) => Math.min(remaining, wantsAll ? perReader : remaining) - 1,
  );
  const clients = [...new Set(claims.map(({ client }) => client))];
  const indices = clients.map((client) =>
    [...claims.keys()].filter((index) => claims[index]!.client === client),
  );
  const ofClients = divided(
    rows - claims.length,
    indices.map((own) => own.reduce((sum, index) => sum + wanted[index]!, 0)),
  );
  const result = claims.map(() => 1);
  for (const [at, own] of indices.entries()) {
    const shares = divided(
      ofClients[at]!,
      own.map((index) => wanted[index]!),
    );
    for (const [which, index] of own.entries()) result[index]! += shares[which]!;
  }
  return result;
}

/** Divides `room` evenly; what one does not want goes to the others. */
function divided(room: number, wanted: readonly number[]): number[] {
  const shares = wanted.map(() => 0);
  const smallestFirst = [...wanted.keys()].sort((a, b) => wanted[a]! - wanted[b]!);
  let left = Math.max(room, 0);
  for (const [index, at] of smallestFirst.entries()) {
    shares[at] = Math.min(wanted[at]!, Math.floor(left / (wanted.length - index)));
    left -= shares[at]!;
  }
  return shares;
}
