/** The machines that tests build. */
import type { RtlSizes } from './bench.ts';

/** As it would be built, with shorter vectors. */
export const ordinary: RtlSizes = {
  ...{
    cores: 1,
    maxLength: 2048,
    fifo: 256,
    outQueue: 8,
    rom: 4096,
    batch: 1,
    ...{ lanes: 16, rowLanes: 16, columns: 16 },
    memoryBeats: 65536,
  },
};

/** Cores that are not a power of two, two slots, a narrow row-wise unit, queues that fill at once. */
export const awkward: RtlSizes = {
  ...{ cores: 3, maxLength: 272, fifo: 8, outQueue: 2, rom: 1000, batch: 2, memoryBeats: 4096 },
  ...{ lanes: 16, rowLanes: 4, columns: 16 },
};

/** As small as the tests' model lets it be. */
export const small: RtlSizes = {
  ...{ cores: 1, maxLength: 256, fifo: 8, outQueue: 2, rom: 1024, batch: 1, memoryBeats: 2048 },
  ...{ lanes: 16, rowLanes: 4, columns: 16 },
};

/** What is placed on an ECP5-85F, as `pm_on_chip` has it unless told otherwise: words of 128 bits, one lane. */
export const chip: RtlSizes = {
  ...{ cores: 1, maxLength: 2048, fifo: 8, outQueue: 2, rom: 1024, batch: 1, memoryBeats: 8192 },
  ...{ lanes: 4, rowLanes: 1, columns: 16 },
};

/** Weights of five trits a byte: words of activations of which each write fills a part. */
export const trits: RtlSizes = {
  ...{ cores: 2, maxLength: 272, fifo: 16, outQueue: 3, rom: 1000, batch: 2, memoryBeats: 4096 },
  ...{ lanes: 16, rowLanes: 8, columns: 20 },
};

/** The same tokens for every slot of a machine, as a job holds them. */
export function inEverySlot(tokens: readonly number[], { batch }: RtlSizes): number[] {
  return tokens.flatMap((token) => new Array<number>(batch).fill(token));
}
