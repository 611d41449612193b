/**
 * Ranks that our own launcher started on this machine: each has a pipe to the launcher, which passes on what they say.
 * Every operation is one of two: all ranks receive a part from each, either the same one or one of their own.
 */
import { hostname } from 'node:os';
import type { Duplex } from 'node:stream';
import { type Group, type Numbers, sumTree } from '../mpi/group.ts';
import { LauncherError } from './errors.ts';
import { type Kind, kinds, messages, send } from './messages.ts';

const combine = {
  sum: (a: number, b: number) => a + b,
  max: Math.max,
  min: Math.min,
} as const;

export class PipeGroup implements Group {
  readonly rank: number;
  readonly size: number;
  readonly local;
  readonly hosts;
  readonly description = 'processes of one launcher';
  /** Rejects if the launcher has ended. */
  readonly lost: Promise<never>;
  readonly #stream: Duplex;
  /** Operations under way, in order. */
  readonly #pending: PromiseWithResolvers<readonly Uint8Array[]>[] = [];
  #error: Error | undefined;

  constructor(stream: Duplex, rank: number, size: number) {
    this.#stream = stream;
    this.rank = rank;
    this.size = size;
    this.local = { rank, size };
    this.hosts = Array.from({ length: size }, () => hostname());
    stream.on('error', () => {}); // as an end
    this.lost = this.#listen();
    this.lost.catch(() => {}); // operations report it
  }

  async reduce(numbers: Numbers, by: 'sum' | 'max' | 'min'): Promise<void> {
    if (by === 'sum' && numbers instanceof Float32Array && numbers.length % this.size === 0) {
      await this.reducePartsInOrder(numbers);
      return this.gatherParts(numbers);
    }
    const Type = numbers.constructor as new (buffer: ArrayBufferLike) => Numbers;
    const all = (await this.#ask(kinds.gather, [bytesOf(numbers)])).map(({ buffer }) => new Type(buffer));
    numbers.set(sumTree(all, (a, b) => into(a, b, combine[by])));
  }

  reduceParts(numbers: Float32Array): Promise<void> {
    return this.reducePartsInOrder(numbers);
  }

  async reducePartsInOrder(numbers: Float32Array): Promise<void> {
    const parts = Array.from({ length: this.size }, (_, rank) => bytesOf(this.#partOf(numbers, rank)));
    const terms = await this.#ask(kinds.exchange, parts);
    const floats = terms.map(({ buffer }) => new Float32Array(buffer));
    this.#partOf(numbers, this.rank).set(sumTree(floats, (a, b) => into(a, b, combine.sum)));
  }

  async gatherParts(numbers: Float32Array): Promise<void> {
    const all = await this.#ask(kinds.gather, [bytesOf(this.#partOf(numbers, this.rank))]);
    all.forEach(({ buffer }, rank) => {
      this.#partOf(numbers, rank).set(new Float32Array(buffer));
    });
  }

  async broadcast(bytes: Uint8Array, root = 0): Promise<void> {
    const all = await this.#ask(kinds.gather, [this.rank === root ? bytesOf(bytes) : new Uint8Array()]);
    bytes.set(all[root]!);
  }

  async gather<T>(value: T): Promise<T[]> {
    const own = new TextEncoder().encode(JSON.stringify(value) ?? 'null');
    const all = await this.#ask(kinds.gather, [own]);
    return all.map((bytes) => JSON.parse(new TextDecoder().decode(bytes)));
  }

  async barrier(): Promise<void> {
    await this.#ask(kinds.gather, [new Uint8Array()]);
  }

  rest(): Promise<void> {
    return this.barrier();
  }

  /** Tells the launcher that this rank has done its work. */
  async leave(): Promise<void> {
    await this.#ask(kinds.leave, []);
    this.#stream.destroy();
  }

  /** Ends this process, and with it, by the launcher, all ranks. */
  abort(code: number): void {
    process.exit(code);
  }

  async #listen(): Promise<never> {
    try {
      for await (const { parts } of messages(this.#stream)) this.#pending.shift()?.resolve(parts);
    } catch {} // as an end
    this.#error = new LauncherError('the launcher of the ranks has ended, and so this rank ends too');
    for (const { reject } of this.#pending.splice(0)) reject(this.#error);
    throw this.#error;
  }

  #ask(kind: Kind, parts: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    if (this.#error) return Promise.reject(this.#error);
    const answer = Promise.withResolvers<readonly Uint8Array[]>();
    this.#pending.push(answer);
    send(this.#stream, { kind, parts });
    return answer.promise;
  }

  #partOf(numbers: Float32Array, rank: number): Float32Array {
    const length = numbers.length / this.size;
    if (!Number.isInteger(length)) {
      throw new RangeError(
        `expected a multiple of ${this.size} numbers, one part a rank; found ${numbers.length}`,
      );
    }
    return numbers.subarray(rank * length, (rank + 1) * length);
  }
}

/** a = a ∘ b, element by element, rounded to a's type */
function into<T extends Numbers>(a: T, b: T, operation: (x: number, y: number) => number): T {
  for (let i = 0; i < a.length; i++) a[i] = operation(a[i]!, b[i]!);
  return a;
}

/** A copy, in memory that no thread shares. */
function bytesOf({ buffer, byteOffset, byteLength }: Numbers | Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength).slice();
}
