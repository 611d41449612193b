/** Reads without a card: a driver whose device memory is the host's copies what it is asked to, and counts the ways. */
import { expect, it } from 'vitest';
import type { DriverLibrary } from './driver.ts';
import { loadKoffi } from './library.ts';
import { Stream } from './stream.ts';

const koffi = await loadKoffi();
const kernel = 77n;

function bytesAt(address: bigint, length: number): Uint8Array {
  return new Uint8Array(koffi.view(address, length));
}

function fakeDriver() {
  const kept: Uint8Array[] = [];
  const used: string[] = [];
  const copy = (to: bigint, from: bigint, bytes: number) => bytesAt(to, bytes).set(bytesAt(from, bytes));
  /** Every vector of every copy, as the blocks and threads of the grid reach them. */
  const runToHost = (config: DataView, places: BigUint64Array) => {
    const [blocks, copies, threads] = [0, 4, 12].map((at) => config.getUint32(at, true)) as [
      number,
      number,
      number,
    ];
    const [froms, tos, counts] = [...places].map((at) => new BigUint64Array(koffi.view(at, 8 * 64)));
    for (let y = 0; y < copies; y++)
      for (let first = 0; first < blocks * threads; first++)
        for (let i = BigInt(first); i < counts![y]!; i += BigInt(blocks * threads))
          copy(tos![y]! + 16n * i, froms![y]! + 16n * i, 16);
  };
  const driver = {
    make(name: string, bytes: number) {
      if (name !== 'cuMemHostAlloc') return 1n;
      const memory = new Uint8Array(bytes);
      kept.push(memory);
      return koffi.address(memory);
    },
    call(name: string, to: bigint, from: bigint, bytes: number) {
      if (name !== 'cuMemcpyDtoHAsync_v2') return;
      used.push('copy engine');
      copy(to, from, bytes);
    },
    status: () => 0,
    statusHolding(_held: unknown, _name: string, config: DataView, found: bigint, places: BigUint64Array) {
      expect(found).toBe(kernel);
      used.push('kernel');
      runToHost(config, places);
      return 0;
    },
    check: () => {},
  };
  return { driver: driver as unknown as DriverLibrary, used };
}

/** Memory in which the bytes are a pattern; its start is a multiple of 16. */
function pattern(bytes: number): { readonly address: bigint; readonly memory: Uint8Array } {
  const whole = new Uint8Array(bytes + 32).map((_, i) => (i * 7 + (i >> 8)) & 255);
  const skipped = Number(-koffi.address(whole) & 15n);
  const memory = whole.subarray(skipped);
  return { address: koffi.address(whole) + BigInt(skipped), memory };
}

it.for<[string, readonly (readonly [start: number, length: number])[], string[]]>([
  ['a row of logits', [[0, 128_000]], ['kernel']],
  [
    'several, of odd lengths and none',
    [
      [0, 5],
      [64, 0],
      [160, 33],
      [4096, 40_960],
    ],
    ['kernel'],
  ],
  ['many bytes', [[0, 300_000]], ['copy engine']],
  [
    'not aligned',
    [
      [4, 100],
      [0, 20],
    ],
    ['copy engine', 'copy engine'],
  ],
  ['more than a kernel takes', Array(65).fill([16, 3]), Array(65).fill('copy engine')],
  ['nothing', [[0, 0]], []],
])('reads %s', async ([, reads, ways]) => {
  const { driver, used } = fakeDriver();
  const stream = new Stream(driver, koffi, () => kernel, false);
  const { address, memory } = pattern(300_032);
  const targets = reads.map(([start, length]) => ({
    address: address + BigInt(start),
    target: new Uint8Array(length),
  }));
  await stream.read(targets);
  targets.forEach(({ target }, n) => {
    const [start, length] = reads[n]!;
    expect(target).toEqual(memory.slice(start, start + length));
  });
  expect(used).toEqual(ways);
});
