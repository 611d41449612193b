import { describe, expect, it } from 'vitest';
import { assemble } from './assembler.ts';
import { Cluster } from './cluster.ts';
import { runProgram } from './functional.ts';
import type { Host } from './host.ts';
import { Machine } from './machine.ts';
import { defaultSizes, type SlotTiming } from './parameters.ts';
import { randomProgram, randomTiming, xorshift } from './testing.ts';
import { type TraceEvent, traceText } from './trace.ts';

/** Gives the tokens, then ends. */
function listHost(tokens: readonly number[]): Host & { readonly taken: number[] } {
  let given = 0;
  const taken: number[] = [];
  return { next: () => tokens[given++] ?? 'end', take: (token) => taken.push(token), taken };
}

describe('the cycle-accurate simulator', () => {
  it('computes what the functional one computes, whatever the timing', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const cores = 1 + (seed % 5);
      const widths = { lanes: 4 << (seed % 3), rowLanes: 4, columns: seed % 2 ? 16 : 20 };
      const sizes = { ...defaultSizes, ...widths, cores, maxLength: 128, fifo: 8 };
      const { words, memory, tokens } = randomProgram(seed, sizes, 40);
      const machine = new Machine(sizes, memory.slice());
      const expected: string[] = [];
      const functionalHost = listHost(tokens);
      const halt = runProgram(machine, words, functionalHost, {
        onChecksum: (pc, checksum) => expected.push(`${pc} ${checksum}`),
      });
      expect(halt?.code).toBe(0);

      const events: TraceEvent[] = [];
      const host = listHost(tokens);
      const timing = randomTiming(seed, cores);
      const cluster = new Cluster({
        ...{ sizes, timing, program: words, memory: memory.slice(), host },
        onEvent: (event) => events.push(event),
      });
      expect(cluster.run(1e6)?.code, `seed ${seed}`).toBe(0);
      const found = events.filter((event) => event.kind === 'R');
      const byAddress = (lines: string[]) => lines.sort();
      expect(byAddress(found.map(({ pc, checksum }) => `${pc} ${checksum}`))).toEqual(byAddress(expected));
      expect(cluster.machine.memory).toEqual(machine.memory);
      expect(cluster.machine.slots).toEqual(machine.slots);
      expect(host.taken).toEqual(functionalHost.taken);
    }
  });
});

/** One request a cycle but during refresh, answered after 12. */
const simple: SlotTiming = {
  ...{ kind: 'slots', latency: 12, ports: 1, numerator: 64, denominator: 64 },
  ...{ refreshInterval: 468, refreshCycles: 21 },
};

/** Runs assembly with 16 beats of zeros on one core. */
function runAssembly(text: string, sizes = defaultSizes) {
  const events: TraceEvent[] = [];
  const cluster = new Cluster({
    ...{ sizes, timing: simple, program: assemble(text), memory: new Uint8Array(16 * 64) },
    ...{ host: listHost([7]), onEvent: (event: TraceEvent) => events.push(event) },
  });
  const halt = cluster.run(100_000);
  return { halt, trace: traceText(events), statistics: cluster.statistics };
}

describe('time, as the contract has it', () => {
  it('issues one instruction a cycle from cycle 2 on, and waits for units, registers and scalars', () => {
    const { trace } = runAssembly(`
      tin stop          ; 2
      add v0, v1, v2, len=33, ss=s1 ; 3, done at 3 + 3 + 12
      sli s2, 32768, 0  ; 4
      smul s3, s2, s2   ; 8: the unit and s2
      srsq s4, s1       ; 18: s1
      mov v3, v0, len=1 ; 19: ROW is free since 18
      jmp stop          ; 20
      nop
    stop: halt          ; could issue at 23; the scalar unit is busy until 38`);
    const issued = trace.match(/^I .*$/gm);
    expect(issued).toEqual(['I 2 0', 'I 3 1', 'I 4 2', 'I 8 3', 'I 18 4', 'I 19 5', 'I 20 6']);
    expect(trace).toMatch(/^R 18 1 /m);
    expect(trace).toMatch(/^R 38 4 /m);
    expect(trace.trim().split('\n').at(-1)).toBe('H 39 0 8');
  });

  it('loads after the latency, stores after reading, and streams a beat a cycle', () => {
    const { trace } = runAssembly(`
      wst 0, 0, beats=4
      ldv v0, 0, len=32
      sv v0, 8, len=32
      tmv q0, to=v1, rows=16, cols=64
      halt`);
    // Refresh takes cycles 0 to 20; then LS and the streamer share one port: LS first, at 21 and 22.
    expect(trace).toMatch(/^R 37 1 /m); // 22 + 12 + 3
    expect(trace).toMatch(/^I 37 2$/m);
    expect(trace).toMatch(/^R 43 2 /m); // requests at 40 and 41, two more cycles
    expect(trace).toMatch(/^R 53 3 /m); // issued at 38: beats at 39 to 42, the block at 49, four more
  });

  it.each([
    ['.word 0', 1, 0],
    ['wst 1, 0, beats=1', 1, 0],
    ['mov v0, v0, len=0', 2, 0],
    ['mov v0, v0, len=8193', 2, 0],
    ['tmv q0, to=v0, rows=8193, cols=16', 2, 0],
    ['ldv v0, 16, len=1', 3, 0],
    ['nop\nldh v0, 15, len=33', 3, 1],
    ['tin 0\nlde v0, 10, len=16', 3, 1],
    ['tmv q0, to=v0, rows=16, cols=16', 4, 0],
    ['wst 0, 0, beats=3\ntmv q0, to=v0, rows=16, cols=64', 4, 1],
    ['nop', 1, 1],
    ['jmp 4096', 5, 4096],
  ])('%j halts with fault %i at pc %i, in both simulators', (text, code, pc) => {
    const { halt } = runAssembly(text);
    expect(halt).toMatchObject({ code, pc });
    const machine = new Machine(defaultSizes, new Uint8Array(16 * 64));
    expect(runProgram(machine, assemble(text), listHost([7]))).toMatchObject({ code, pc });
  });

  it('handles any words: every program halts, faults, or is still running', () => {
    const sizes = { ...defaultSizes, cores: 2, maxLength: 128, fifo: 8, rom: 64 };
    const codes = new Set<number | undefined>();
    for (let seed = 1; seed <= 400; seed++) {
      const below = xorshift(seed);
      const { words, memory } = randomProgram(seed, sizes, 10);
      // Words of programs, most with random bits in their lower part; some wholly random.
      const program = words.slice(0, 60).map((word) => {
        const bits = (BigInt(below(2 ** 32)) << 32n) | BigInt(below(2 ** 32));
        return below(10) === 0
          ? bits
          : below(6) === 0
            ? word ^ (bits & (2n ** BigInt(below(58)) - 1n))
            : word;
      });
      const host = () => listHost([1, 2, 2 ** 32 - 1]);
      const timing = randomTiming(seed, 2);
      const cluster = new Cluster({ sizes, timing, program, memory: memory.slice(), host: host() });
      codes.add(cluster.run(20_000)?.code);
      const run = () =>
        runProgram(new Machine(sizes, memory.slice()), program, host(), { maxInstructions: 2000 });
      try {
        run();
      } catch (error) {
        expect((error as Error).message).toContain('did not halt within 2000 instructions');
      }
    }
    expect([...codes]).toEqual(expect.arrayContaining([0, 1, 2, 3]));
  });

  it('accounts for every cycle', () => {
    const sizes = { ...defaultSizes, cores: 3, maxLength: 128, fifo: 8 };
    const { words, memory, tokens } = randomProgram(5, sizes, 60);
    const cluster = new Cluster({
      ...{ sizes, timing: randomTiming(5, 3), program: words, memory, host: listHost(tokens) },
    });
    cluster.run(1e6);
    const { cycles, instructions, stalls, cores, weightBeats } = cluster.statistics;
    // The cycle in which `halt` is carried out issues nothing and waits for nothing.
    expect(instructions + Object.values(stalls).reduce((sum, count) => sum + count) + 1).toBe(cycles);
    for (const { busy, starved, blocked, idle } of cores)
      expect(busy + starved + blocked + idle).toBe(cycles);
    expect(cores.reduce((sum, { busy }) => sum + busy, 0)).toBe(weightBeats);
  });
});
