/**
 * Assigns the model's slots. Clients share them evenly: a free slot goes to the waiting client that holds the fewest. If
 * another client holds at least two more, one of its sequences is parked: its state is saved, its slot goes to the waiting
 * sequence, and it waits in turn. So a single client gets all slots, and no client waits for it to end.
 */

import type { SequenceState } from '../run/sequenceReader.ts';
import type { SlotModel } from '../run/slotModel.ts';
import { FairQueue } from './fairQueue.ts';

/** No slot is free, and the client may not add more waiting sequences. */
export class TooBusyError extends Error {
  override name = 'TooBusyError';
}

/** A sequence's claim to a slot. */
export class Seat {
  readonly client: string;
  slot: number | undefined;
  /** Whether the slot holds the sequence's state. */
  ready = false;
  /** The state while the seat has no slot; undefined: that before the first token. */
  state: SequenceState | undefined;
  parking: Promise<unknown> | undefined;
  /** Whether a call of `take` is running. */
  taking = false;
  /** Ends the wait for a slot. */
  leave: ((reason: unknown) => void) | undefined;

  constructor(client: string, state: SequenceState | undefined) {
    this.client = client;
    this.state = state;
  }
}

function released(): Error {
  return new Error('the sequence was closed');
}

interface Waiter {
  readonly seat: Seat;
  readonly grant: (slot: number) => void;
  readonly refuse: (error: unknown) => void;
}

export class Slots {
  readonly #model: SlotModel;
  readonly #maxWaiting: number;
  readonly #free: number[];
  readonly #queue = new FairQueue<Waiter>();
  readonly #holders = new Map<string, Set<Seat>>();
  readonly #held = (client: string) => this.#holders.get(client)?.size ?? 0;

  /** @param maxWaiting sequences that may wait for a slot */
  constructor(model: SlotModel, maxWaiting: number) {
    this.#model = model;
    this.#maxWaiting = maxWaiting;
    this.#free = Array.from({ length: model.slots }, (_, index) => model.slots - 1 - index);
  }

  get active(): number {
    return this.#model.slots - this.#free.length;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * A client with less than its share of all places, slots and queue, finds room in a full queue too.
   * @throws TooBusyError if `count` more sequences of the client could not even wait
   */
  checkRoom(count: number, client: string): void {
    const waiting = this.waiting + count - this.#free.length;
    if (waiting <= this.#maxWaiting) return;
    const clients = new Set([client, ...this.#holders.keys(), ...this.#queue.clients]).size;
    const share = Math.floor((this.#model.slots + this.#maxWaiting) / clients);
    if (clients > 1 && this.#held(client) + this.#queue.sizeOf(client) + count <= share) return;
    throw new TooBusyError(`${this.active} sequences are active and ${this.waiting} wait; try again later`);
  }

  /**
   * Gives the seat a slot that holds its state; waits for one if necessary.
   * @param first whether it goes before the client's other sequences
   * @throws the signal's reason
   */
  async take(seat: Seat, signal: AbortSignal | undefined, first = false): Promise<void> {
    signal?.throwIfAborted();
    seat.taking = true;
    try {
      const free = this.#free.pop();
      if (free === undefined) await this.#wait(seat, signal, first);
      else this.#hold(seat, free);
      await seat.parking;
      if (seat.slot === undefined) throw released();
      await this.#model.load(seat.slot, seat.state);
      seat.state = undefined;
      seat.ready = true;
    } catch (error) {
      this.release(seat);
      throw error;
    } finally {
      seat.taking = false;
    }
  }

  /** A seat that waits for a slot leaves the queue: its sequence may end while it is parked. */
  release(seat: Seat): void {
    const { slot } = seat;
    seat.leave?.(released());
    if (slot === undefined) return;
    this.#drop(seat);
    this.#give(slot);
  }

  /** A copy of a sequence's state. */
  async save(seat: Seat): Promise<SequenceState> {
    if (seat.slot !== undefined) return this.#model.save(seat.slot);
    await seat.parking;
    return seat.state!.slice();
  }

  /**
   * Parks sequences of clients that hold more than their share while others wait. No step may be running.
   * @returns the parked seats
   */
  async rebalance(): Promise<Seat[]> {
    const parked: Seat[] = [];
    for (;;) {
      const poorest = this.#queue.nextClient(this.#held);
      if (poorest === undefined) return parked;
      const richest = [...this.#holders].reduce((a, b) => (b[1].size > a[1].size ? b : a));
      if (richest[1].size < this.#held(poorest) + 2) return parked;
      const latest = [...richest[1]].findLast(({ ready }) => ready);
      if (!latest) return parked;
      await this.#park(latest);
      parked.push(latest);
    }
  }

  /** Refuses all waiting sequences. */
  fail(error: unknown): void {
    for (;;) {
      const waiter = this.#queue.next(this.#held);
      if (!waiter) return;
      waiter.refuse(error);
    }
  }

  async #park(seat: Seat): Promise<void> {
    const slot = seat.slot!;
    this.#drop(seat);
    const saved = this.#model.save(slot);
    seat.parking = saved.catch(() => {});
    seat.state = await saved;
    seat.parking = undefined;
    this.#give(slot);
  }

  #wait(seat: Seat, signal: AbortSignal | undefined, first: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const ended = () => {
        seat.leave = undefined;
        signal?.removeEventListener('abort', aborted);
      };
      const refuse = (reason: unknown) => {
        ended();
        reject(reason);
      };
      seat.leave = (reason) => {
        this.#queue.delete(seat.client, waiter);
        refuse(reason);
      };
      const aborted = () => seat.leave?.(signal!.reason);
      const waiter: Waiter = {
        seat,
        grant: (slot) => {
          ended();
          this.#hold(seat, slot);
          resolve();
        },
        refuse,
      };
      this.#queue.add(seat.client, waiter, first);
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }

  #give(slot: number): void {
    const waiter = this.#queue.next(this.#held);
    if (waiter) waiter.grant(slot);
    else this.#free.push(slot);
  }

  #hold(seat: Seat, slot: number): void {
    seat.slot = slot;
    const seats = this.#holders.get(seat.client) ?? new Set();
    this.#holders.set(seat.client, seats.add(seat));
  }

  #drop(seat: Seat): void {
    seat.slot = undefined;
    seat.ready = false;
    const seats = this.#holders.get(seat.client)!;
    seats.delete(seat);
    if (seats.size === 0) this.#holders.delete(seat.client);
  }
}
