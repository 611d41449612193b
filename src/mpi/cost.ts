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
}

/**
 * Bytes that a rank sends in an exchange over `ranks`; it receives as many. (N − 1)/N of all numbers for the
 * reduce-scatter and as many for the all-gather, which is the minimum of any method, with sharded state or without.
 */
export function bytesOfExchange(parameters: number, ranks: number): number {
  return (8 * parameters * (ranks - 1)) / ranks;
}

/** Seconds a step, on average, that the network needs. */
function exchangeSeconds(cost: ExchangeCost, ranks: number): number {
  return bytesOfExchange(cost.parameters, ranks) / cost.bytesPerSecond / cost.every;
}

/**
 * Tokens a second of all ranks by those of one, by their number, from 0 to 1: with as much work for every rank, and an
 * exchange of which nothing is hidden behind computing. What is hidden makes it better, what ranks wait for the slowest
 * of them makes it worse.
 */
export function efficiencyOf(cost: ExchangeCost, ranks: number): number {
  return cost.computing / (cost.computing + exchangeSeconds(cost, ranks));
}
