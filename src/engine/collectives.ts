/**
 * Exchanges between the memories of several engines, one of each rank, without the host: they take their turn in the
 * engine's queue, beside the work that is queued after them.
 */
import type { Tensor } from '../program/tensor.ts';

/** The ranks as an engine sees them when it connects to the engines of the others. */
export interface Peers {
  readonly rank: number;
  readonly size: number;
  /** Replaces the bytes of all ranks by those of rank 0. */
  broadcast(bytes: Uint8Array): Promise<void>;
}

/**
 * Each call queues an exchange of a variable, which begins when the work queued so far is done. All ranks make the same
 * calls in the same order. A variable that is exchanged in parts has one part for each rank, of equal lengths.
 */
export interface Collectives {
  /** For people: the library. */
  readonly description: string;
  /** Replaces this rank's part by its sum over all ranks; the other parts are undefined afterwards. */
  sumParts(tensor: Tensor): void;
  /** Fills in the parts of the other ranks, which each rank has of its own: all these variables in one exchange. */
  gatherParts(tensors: readonly Tensor[]): void;
  /** Replaces every element by its sum over all ranks. */
  sum(tensor: Tensor): void;
  /** Work that is queued from now on waits for the exchanges queued so far. */
  join(): void;
  /** The error because of which exchanges cannot be finished. */
  failure(): Error | undefined;
  /** Ends exchanges that cannot be finished. The ranks are no longer connected afterwards. */
  abort(): void;
}
