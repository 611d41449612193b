/** The launcher's side of collective operations: it waits for a message of every rank, then answers all. */
import type { Duplex } from 'node:stream';
import { type Kind, kinds, type Message, messages, send } from './messages.ts';

export class Hub {
  readonly #streams: readonly Duplex[];
  /** Messages of each rank that wait for those of the others. */
  readonly #waiting: readonly Message[][];
  readonly #left = new Set<number>();

  /** @param streams to the ranks, by rank */
  constructor(streams: readonly Duplex[]) {
    this.#streams = streams;
    this.#waiting = streams.map(() => []);
    streams.forEach((stream, rank) => {
      stream.on('error', () => {}); // the rank has ended; its exit says how
      this.#listen(stream, rank).catch(() => {});
    });
  }

  /** Whether a rank has said that its work is done. */
  hasLeft(rank: number): boolean {
    return this.#left.has(rank);
  }

  async #listen(stream: Duplex, rank: number): Promise<void> {
    for await (const message of messages(stream)) {
      if (message.kind === kinds.leave) {
        this.#left.add(rank);
        send(stream, message);
      } else {
        this.#waiting[rank]!.push(message);
        this.#answer();
      }
    }
  }

  #answer(): void {
    while (this.#waiting.every((own) => own.length > 0)) {
      const round = this.#waiting.map((own) => own.shift()!);
      const kind = round[0]!.kind as Kind;
      this.#streams.forEach((stream, rank) => {
        const parts = round.map((message) => message.parts[kind === kinds.exchange ? rank : 0]!);
        send(stream, { kind, parts });
      });
    }
  }
}
