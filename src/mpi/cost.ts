/** Cost of an exchange: bytes, and the parallel efficiency for a given network. docs/mpi.md shows the curves. */

export interface ExchangeCost {
  /** Of the model. */
  readonly parameters: number;
  /** Steps between two exchanges; 1: at every step. */
  readonly every: number;
  /** Seconds that a rank computes in a step. */
  readonly computing: number;
  /** Bytes a second of a rank's connection, in each direction. */
  readonly bytesPerSecond: number;
  /**
   * Seconds of computing behind which the sums of gradients can hide: those of the last backward pass, if buckets are
   * exchanged while it continues. Default: 0.
   */
  readonly hiding?: number;
}

/**
 * Seconds by which a second of exchange slows the computing behind which it hides, since both use the card's memory and
 * processors: from two H200 with NVLink, whose step of one pass took 5.7 ms longer for sums of 3.4 ms and weights of 3.2.
 */
const interference = 0.75;

/**
 * Bytes that a rank sends in an exchange over `ranks`; it receives as many. (N − 1)/N of all numbers for the
 * reduce-scatter and as many for the all-gather, which is the minimum of any method, with sharded state or without.
 */
export function bytesOfExchange(parameters: number, ranks: number): number {
  return (8 * parameters * (ranks - 1)) / ranks;
}

/**
 * Seconds a step, on average, that the exchange costs: half the bytes are sums of gradients, which may hide behind
 * computing; the other half are weights, which may not.
 */
function exchangeSeconds(
  { parameters, bytesPerSecond, every, hiding = 0 }: ExchangeCost,
  ranks: number,
): number {
  const half = bytesOfExchange(parameters, ranks) / bytesPerSecond / 2;
  const hidden = Math.min(half, hiding);
  return (interference * hidden + (half - hidden) + half) / every;
}

/**
 * Tokens a second of all ranks by those of one, by their number, from 0 to 1, with as much work for every rank. Ranks that
 * wait for the slowest of them make it worse.
 */
export function efficiencyOf(cost: ExchangeCost, ranks: number): number {
  return cost.computing / (cost.computing + exchangeSeconds(cost, ranks));
}
