import { describe, expect, it } from 'vitest';
import { Cluster } from './cluster.ts';
import { runProgram } from './functional.ts';
import type { Host } from './host.ts';
import { Machine } from './machine.ts';
import { defaultSizes } from './parameters.ts';
import { randomProgram, randomTiming } from './testing.ts';
import type { TraceEvent } from './trace.ts';

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
      const sizes = { ...defaultSizes, cores, maxLength: 128, fifo: 8 };
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
      expect(cluster.machine.vectors).toEqual(machine.vectors);
      expect(host.taken).toEqual(functionalHost.taken);
    }
  });
});
