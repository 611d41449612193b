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
    rowLanes: 16,
    memoryBeats: 65536,
  },
};

/** Cores that are not a power of two, two slots, a narrow row-wise unit, queues that fill at once. */
export const awkward: RtlSizes = {
  ...{ cores: 3, maxLength: 272, fifo: 8, outQueue: 2, rom: 1000, batch: 2, rowLanes: 4, memoryBeats: 4096 },
};

/** As small as the tests' model lets it be. */
export const small: RtlSizes = {
  ...{ cores: 1, maxLength: 256, fifo: 8, outQueue: 2, rom: 1024, batch: 1, rowLanes: 4, memoryBeats: 2048 },
};

/** The same tokens for every slot of a machine, as a job holds them. */
export function inEverySlot(tokens: readonly number[], { batch }: RtlSizes): number[] {
  return tokens.flatMap((token) => new Array<number>(batch).fill(token));
}
