/** The reader of waveforms, and what it counts in those of the RTL. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultSizes } from '../src/accelerator/parameters.ts';
import { randomProgram, randomSlots } from '../src/accelerator/testing.ts';
import { InputError } from '../src/errors.ts';
import { buildBench, type RtlSizes, runBench } from './bench/bench.ts';
import { simulate } from './bench/simulated.ts';
import { describeWithVerilator } from './bench/tools.ts';
import { ActivityReader } from './power/activity.ts';
import { VcdReader } from './power/vcd.ts';

/** The machine whose bench with waveforms `run.ts` builds, too. */
const machine: RtlSizes = { ...defaultSizes, memoryBeats: 65536 };

const everything = () => true;

function read(text: string | Uint8Array, options: Partial<ConstructorParameters<typeof VcdReader>[0]> = {}) {
  const reader = new VcdReader({ wanted: everything, ...options });
  reader.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  reader.end();
  return reader.signals;
}

const header = `$date today $end
$timescale 1ps $end
$scope module top $end
 $var wire 1 ! clk $end
 $scope module unit $end
  $var wire 4 " sum [3:0] $end
  $var wire 1 ! clk_i $end
  $var real 64 # load $end
 $upscope $end
$upscope $end
$enddefinitions $end
`;

describe('the reader of VCD', () => {
  it('counts bits that toggle and values that change, from the first known value on', () => {
    const changes =
      '$dumpvars\n0!\nbx "\n$end\n#0\nb1010 "\n#5\n1!\nb110 "\nr1.5 #\n#10\n0!\nb0 "\n#11\nb110 "\n';
    const signals = read(header + changes);
    expect(signals.get('top.unit.sum')).toMatchObject({ width: 4, toggles: 2 + 2 + 2, changes: 3 });
    expect(signals.get('top.clk')).toMatchObject({ toggles: 2, changes: 2 });
  });

  it('knows that names of one net are one signal', () => {
    const signals = read(`${header}#0\n0!\n#1\n1!\n`);
    expect(signals.get('top.unit.clk_i')).toBe(signals.get('top.clk'));
  });

  it('extends values whose leading bits are left out', () => {
    const value = (digits: string) => [...read(`${header}#0\nb${digits} "\n`).get('top.unit.sum')!.value];
    expect(value('1')).toEqual([1, 0, 0, 0]);
    expect(value('x1')).toEqual([1, 2, 2, 2]);
    expect(value('z')).toEqual([2, 2, 2, 2]);
    expect(value('01x')).toEqual([2, 1, 0, 0]);
  });

  it('tells each time once, after its changes', () => {
    const times: number[] = [];
    read(`${header}#0\n0!\n#5\n1!\n#5\n0!\n#10\n`, { onTime: (time) => times.push(time) });
    expect(times).toEqual([0, 5, 10]);
  });

  it.each([
    ['', /found the end of the file, expected \$enddefinitions/],
    ['hello $end', /found "hello", expected a declaration/],
    ['$var wire 0 ! a $end', /found "\$var wire 0 ! a", expected type, width/],
    [`${header}#5\n#4\n`, /found time "#4", expected a later one/],
    [`${header}#x\n`, /found time "#x"/],
    [`${header}2!\n`, /found "2", expected a value/],
    [`${header}b10101 "\n`, /found a value of 5 bits, expected at most 4/],
    [`${header}b1a01 "\n`, /found "1a01", expected bits/],
    [`${header}b1010`, /found the end of the file, expected an identifier/],
    [`${header}1\n`, /expected an identifier/],
    [`${header}$what\n`, /found "\$what", expected a value change/],
    [`${header}${'1'.repeat(3_000_000)}`, /found a word of more than/],
  ])('refuses %j', (text, message) => {
    expect(() => read(text)).toThrow(InputError);
    expect(() => read(text)).toThrow(message);
  });

  /** Random values of a few signals as VCD, and how many bits of each toggle. */
  const waves = fc
    .array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 5 })
    .chain((widths) =>
      fc.record({
        widths: fc.constant(widths),
        changes: fc.array(
          fc.nat(widths.length - 1).chain((signal) =>
            fc.record({
              signal: fc.constant(signal),
              bits: fc.array(fc.constantFrom('0', '1', 'x', 'z'), {
                minLength: widths[signal]!,
                maxLength: widths[signal]!,
              }),
              ticks: fc.nat(3),
            }),
          ),
        ),
      }),
    )
    .map(({ widths, changes }) => {
      const code = (signal: number) => `${String.fromCharCode(33 + signal)}~`;
      const text = [
        ...widths.map((width, i) => `$var wire ${width} ${code(i)} s${i} $end`),
        '$enddefinitions $end',
      ];
      const toggles = widths.map(() => 0);
      const last = widths.map((width) => new Array<string>(width).fill('x'));
      let time = 0;
      for (const { signal, bits, ticks } of changes) {
        time += ticks;
        text.push(`#${time}`);
        text.push(bits.length === 1 ? `${bits[0]}${code(signal)}` : `b${bits.join('')} ${code(signal)}`);
        toggles[signal]! += bits.filter((bit, i) => /01|10/.test(last[signal]![i]! + bit)).length;
        last[signal] = bits;
      }
      return { text: `${text.join('\n')}\n`, toggles };
    });

  it('counts the same in pieces of any length', () => {
    fc.assert(
      fc.property(waves, fc.integer({ min: 1, max: 50 }), ({ text, toggles }, length) => {
        const reader = new VcdReader({ wanted: everything });
        for (let at = 0; at < text.length; at += length) {
          reader.write(Buffer.from(text.slice(at, at + length), 'latin1'));
        }
        reader.end();
        expect(toggles.map((_, i) => reader.signals.get(`s${i}`)!.toggles)).toEqual(toggles);
      }),
    );
  });

  it('reads or refuses damaged files', () => {
    const damage = fc.array(fc.record({ at: fc.nat(), byte: fc.nat(255) }), { maxLength: 5 });
    fc.assert(
      fc.property(waves, damage, fc.nat(), ({ text }, damages, cut) => {
        const bytes = Buffer.from(text, 'latin1').subarray(0, text.length - (cut % 9));
        for (const { at, byte } of damages) bytes[at % Math.max(1, bytes.length)] = byte;
        try {
          read(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describeWithVerilator('activity in waveforms of the RTL', () => {
  it('has the beats and the busy cycles that the simulator counts', { timeout: 600_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'plusminus-waves-'));
    try {
      const waves = join(folder, 'run.vcd');
      const { words, memory, tokens } = randomProgram(2, machine, 30);
      const job = {
        ...{ program: words, memory, tokens, timing: randomSlots(2, machine.cores) },
        ...{ maxCycles: 100_000, waves },
      };
      await runBench(buildBench(machine, { waves: true }), [job], () => {});
      const reader = new ActivityReader();
      reader.write(readFileSync(waves));
      const found = reader.end();
      const { statistics } = simulate(machine, job);
      const { weightBeats, loadBeats, storeBeats, unitBusy } = statistics;
      expect(weightBeats).toBeGreaterThan(20);
      expect(found).toMatchObject({
        beats: weightBeats + loadBeats + storeBeats,
        rowCycles: unitBusy.row,
        weightBeats: statistics.cores[0]!.busy,
      });
      for (const [part, energy] of Object.entries(found.picojoules)) expect(energy, part).toBeGreaterThan(0);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
