/**
 * Moves buckets between ranks. The host accesses the memory of the CPU engine directly; for a GPU it reads a copy and
 * writes it back.
 */
import { bytesOf, type Engine, readFloats } from '../engine/engine.ts';
import type { Group } from '../mpi/group.ts';
import type { Tensor } from '../program/tensor.ts';
import type { Bucket } from './buckets.ts';

export interface ExchangeOptions {
  /** Sums in an order that does not depend on the library: see `sumTree`. */
  readonly ordered: boolean;
  /** Each rank needs the sums of its own part only. */
  readonly partsOnly: boolean;
}

export class Exchange {
  readonly #engine: Engine;
  readonly #group: Group;
  readonly #options: ExchangeOptions;
  readonly #copies = new Map<Tensor, Float32Array>();
  #underWay: Promise<void>[] = [];
  /** Where the bucket before this one has been exchanged. */
  #turn: Promise<void> = Promise.resolve();

  constructor(engine: Engine, group: Group, options: ExchangeOptions) {
    this.#engine = engine;
    this.#group = group;
    this.#options = options;
  }

  /** Begins to sum a bucket's gradients over the ranks; called at its mark, while the program continues. */
  start({ gradients }: Bucket): void {
    const sum = this.#change(gradients, (numbers) => this.#sum(numbers));
    sum.catch(() => {}); // `finish` rejects with it
    this.#underWay.push(sum);
  }

  /** A variable's sum over the ranks, as the host sees it; `writeBack` is left to the caller. */
  async sumOf(tensor: Tensor): Promise<Float32Array> {
    const numbers = await this.numbersOf(tensor);
    if (this.#group.size > 1) await this.#sum(numbers);
    return numbers;
  }

  /** Waits until all that was started is back in the engine's memory. */
  async finish(): Promise<void> {
    const sums = this.#underWay;
    this.#underWay = [];
    await Promise.all(sums);
  }

  /** Gives every rank the weights that the others have in their parts. */
  async spread(buckets: readonly Bucket[]): Promise<void> {
    if (this.#group.size === 1) return;
    await Promise.all(
      buckets.map(({ weights }) => this.#change(weights, (numbers) => this.#group.gatherParts(numbers))),
    );
  }

  /** As the host sees a variable: valid until the next call for it. */
  async numbersOf(tensor: Tensor): Promise<Float32Array> {
    const { view } = this.#engine;
    if (view) {
      const bytes = view.call(this.#engine, tensor);
      return new Float32Array(bytes.buffer, bytes.byteOffset, tensor.size);
    }
    const copy = this.#copies.get(tensor) ?? new Float32Array(tensor.size);
    this.#copies.set(tensor, copy);
    return readFloats(this.#engine, tensor, copy);
  }

  /** Copies the host's numbers of a variable back to the engine. */
  writeBack(tensor: Tensor, numbers: Float32Array): void {
    if (!this.#engine.view) this.#engine.write(tensor, bytesOf(numbers));
  }

  /**
   * Reads begin at once, but buckets are exchanged in the order of these calls, which is the same on all ranks: from
   * a GPU, reads arrive in an order of their own.
   */
  #change(tensor: Tensor, change: (numbers: Float32Array) => Promise<void>): Promise<void> {
    if (this.#group.size === 1) return Promise.resolve();
    const read = this.numbersOf(tensor);
    read.catch(() => {}); // awaited, and so reported, in turn
    this.#turn = this.#turn.then(async () => {
      const numbers = await read;
      await change(numbers);
      this.writeBack(tensor, numbers);
    });
    return this.#turn;
  }

  async #sum(numbers: Float32Array): Promise<void> {
    const { ordered, partsOnly } = this.#options;
    if (ordered) await this.#group.reducePartsInOrder(numbers);
    else if (partsOnly) await this.#group.reduceParts(numbers);
    else await this.#group.reduce(numbers, 'sum');
    if (ordered && !partsOnly) await this.#group.gatherParts(numbers);
  }
}
