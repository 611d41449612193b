import { describe, expect, it } from 'vitest';
import { MemoryArbiter, RoundRobin } from './arbiter.ts';
import { memoryModel } from './memory.ts';
import { type BankTiming, ddr4, peakBeats } from './parameters.ts';
import { xorshift } from './testing.ts';

const fifo = 256;
const clockHz = 60e6;

/** Share of the peak that streams get, each as fast as its FIFO has room and its core uses a beat a cycle. */
function efficiency(streams: number, arbiter: Pick<MemoryArbiter, 'serve'>, stride: number): number {
  const channels = 1;
  const memory = memoryModel(ddr4(clockHz, channels, streams), streams + 1);
  const ahead = new Int32Array(streams);
  const arrived = new Int32Array(streams);
  const addresses = Float64Array.from({ length: streams }, (_, stream) => stream * stride);
  const cycles = 20_000;
  let used = 0;
  for (let t = 0; t < cycles; t++) {
    const slots = memory.begin(t, (port) => arrived[port]!++);
    arbiter.serve(
      slots,
      (port) => port < streams && ahead[port]! < fifo,
      (port) => {
        memory.request(t, { port, address: addresses[port]!++, write: false });
        ahead[port]!++;
      },
    );
    for (let stream = 0; stream < streams; stream++) {
      if (arrived[stream] === 0) continue;
      arrived[stream]!--;
      ahead[stream]!--;
      used++;
    }
  }
  return used / cycles / peakBeats(clockHz, channels);
}

describe('DRAM with banks', () => {
  it.each([
    [8, 50_000],
    [26, 50_000],
    [26, 2 ** 16],
  ])(
    'gives %i streams, %i beats apart, 90 %% of its peak: each keeps its turn for 64 beats',
    (streams, stride) => {
      const held = efficiency(streams, new MemoryArbiter(streams), stride);
      expect(held).toBeGreaterThan(0.9);
      // A refresh of 350 ns every 7.8 µs leaves 95.5 %.
      expect(held).toBeLessThan(0.955);
    },
  );

  it('gives less than a quarter of it to beats of streams that alternate between rows of one bank', () => {
    expect(efficiency(26, new RoundRobin(26), 2 ** 16)).toBeLessThan(0.25);
  });

  it.each([1, 2, 3, 4, 5])(
    'answers each read once, in order for its port, never beyond its queue (seed %i)',
    (seed) => {
      const below = xorshift(seed);
      const ports = 1 + below(6);
      const timing: BankTiming = { ...ddr4(200e6, 1 + below(4), ports), queue: 1 + below(8) };
      const memory = memoryModel(timing, ports);
      const outstanding = new Int32Array(ports);
      let [reads, answers] = [0, 0];
      for (let t = 0; t < 20_000; t++) {
        const slots = memory.begin(t, (port) => {
          expect(outstanding[port]).toBeGreaterThan(0);
          outstanding[port]!--;
          answers++;
        });
        expect(slots).toBeGreaterThanOrEqual(0);
        for (let k = 0; k < slots && t < 15_000; k++) {
          const port = below(ports);
          const write = below(4) === 0;
          memory.request(t, { port, address: below(2 ** 20), write });
          if (write) continue;
          outstanding[port]!++;
          reads++;
        }
      }
      expect(reads).toBeGreaterThan(1000);
      expect(answers).toBe(reads);
    },
  );
});
