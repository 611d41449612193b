/**
 * Energy from activity: bits that toggled and memories that were accessed, in waveforms of the RTL, each at the energy that a
 * published table gives for one.
 */
import { picojoules } from '../../src/accelerator/report.ts';
import { VcdReader, type Watch } from './vcd.ts';

/**
 * Horowitz's table (`picojoules`) gives energies of whole operations. Here they are taken to be for random operands, of whose result
 * half the bits toggle.
 */
const togglesOfAddition = 32 / 2;
const togglesOfMultiplication = 64 / 2;
const ofAddition = picojoules.addition / togglesOfAddition;
const ofMultiplication = picojoules.multiplication / togglesOfMultiplication;

/** Reading or writing 64 bits, by the size of the SRAM in bytes: the same table. An array counts as the next larger one. */
const sramWords = [
  { bytes: 8 * 1024, picojoules: picojoules.sramWord },
  { bytes: 32 * 1024, picojoules: 20 },
  { bytes: 1024 * 1024, picojoules: 100 },
] as const;

/** What takes energy, and with what it grows from one model to another. */
export const parts = {
  'ternary additions': 'weightBeats',
  'FIFO and activation banks': 'weightBeats',
  'row-wise additions': 'rowCycles',
  multiplications: 'rowCycles',
  'vector registers': 'rowCycles',
  DRAM: 'beats',
} as const;
export type Part = keyof typeof parts;

interface Result {
  readonly part: Part;
  readonly pattern: RegExp;
  /** Of a toggled bit. */
  readonly picojoules: number;
}

/** Registers that hold what adders and multipliers computed. */
const results: readonly Result[] = [
  // Sums of four columns take three additions each, and so does the sum of four of these; then one to the accumulator.
  { part: 'ternary additions', pattern: /\.u_ternary_core\..*\.groups_q$/, picojoules: 3 * ofAddition },
  { part: 'ternary additions', pattern: /\.u_ternary_core\..*\.dot_q$/, picojoules: 3 * ofAddition },
  { part: 'ternary additions', pattern: /\.u_ternary_core\..*\.sum_q$/, picojoules: ofAddition },
  { part: 'row-wise additions', pattern: /\.u_lane\.y_o$/, picojoules: ofAddition },
  { part: 'multiplications', pattern: /\.u_lane\.product7$/, picojoules: ofMultiplication },
  // The square; a magnitude, which needs no multiplication, is taken for one.
  { part: 'multiplications', pattern: /\.u_lane\.term_o$/, picojoules: ofMultiplication },
  // 32 by 16 bits: half an array, whose result has 48.
  {
    ...{ part: 'multiplications', pattern: /\.u_lane\.product3$/ },
    picojoules: picojoules.multiplication / 2 / (48 / 2),
  },
];

const memorySignal = /\.(we_i|raddr_i|rdata_o)$/;
const grants = /\.u_cluster\.req_grant_o$/;
const pops = /\.u_ternary_core\.pop_o$/;
const rowBusy = /\.u_row\.busy_q$/;
const weightMemory = /\.(u_fifo|u_banks)$/;
const register = /\w_q$/;

interface Memory {
  readonly part: Part;
  readonly write: Watch;
  readonly address: Watch;
  readonly data: Watch;
  /** Changes of the address up to the last cycle. */
  seen: number;
  accesses: number;
}

export interface Activity {
  readonly cycles: number;
  /** Beats of weights that cores used. */
  readonly weightBeats: number;
  /** Cycles in which the row-wise unit held an instruction. */
  readonly rowCycles: number;
  /** Beats that memory moved. */
  readonly beats: number;
  /** Bits of all registers that toggled, operands and control included. */
  readonly registerToggles: number;
  readonly picojoules: Readonly<Record<Part, number>>;
}

/** Reads waveforms in which a cycle has ten units of time and its clock rises in the middle. */
export class ActivityReader {
  readonly #reader: VcdReader;
  #memories: Memory[] = [];
  #grants: Watch | undefined;
  #pops: Watch[] = [];
  #rowBusy: Watch | undefined;
  #first: number | undefined;
  #last = 0;
  readonly #counts = { weightBeats: 0, rowCycles: 0, beats: 0 };

  constructor() {
    this.#reader = new VcdReader({ wanted: isWanted, onTime: (time) => this.#sample(time) });
  }

  write(chunk: Uint8Array): void {
    this.#reader.write(chunk);
  }

  /** @throws InputError if the waveforms were cut off */
  end(): Activity {
    this.#reader.end();
    const energies = Object.fromEntries(Object.keys(parts).map((part) => [part, 0])) as Record<Part, number>;
    energies.DRAM = this.#counts.beats * 512 * picojoules.dramBit;
    for (const memory of this.#memories) energies[memory.part] += picojoulesOf(memory);
    const counted = new Set<Watch>();
    let registerToggles = 0;
    for (const [path, watch] of this.#reader.signals) {
      if (counted.has(watch)) continue; // a net has a name in each scope that it passes
      const result = results.find(({ pattern }) => pattern.test(path));
      if (!result && !register.test(path)) continue;
      counted.add(watch);
      registerToggles += watch.toggles;
      if (result) energies[result.part] += watch.toggles * result.picojoules;
    }
    const cycles = this.#first === undefined ? 0 : (this.#last - this.#first) / 10 + 1;
    return { cycles, ...this.#counts, registerToggles, picojoules: energies };
  }

  /** What the edge at the end of a cycle will act on. */
  #sample(time: number): void {
    if (time % 10 !== 0) return;
    if (this.#first === undefined) this.#findSignals();
    this.#first ??= time;
    this.#last = time;
    for (const memory of this.#memories) {
      if (memory.write.value[0] === 1) memory.accesses++;
      if (memory.address.changes !== memory.seen) memory.accesses++;
      memory.seen = memory.address.changes;
    }
    for (const pop of this.#pops) if (pop.value[0] === 1) this.#counts.weightBeats++;
    for (const granted of this.#grants?.value ?? []) if (granted === 1) this.#counts.beats++;
    if (this.#rowBusy?.value[0] === 1) this.#counts.rowCycles++;
  }

  #findSignals(): void {
    const { signals } = this.#reader;
    this.#memories = memoriesOf(signals);
    this.#pops = find(signals, pops);
    this.#grants = find(signals, grants)[0];
    this.#rowBusy = find(signals, rowBusy)[0];
  }
}

function picojoulesOf({ address, data, accesses }: Memory): number {
  const bytes = (2 ** address.width * data.width) / 8;
  const word = sramWords.find((size) => size.bytes >= bytes) ?? sramWords.at(-1)!;
  return accesses * Math.ceil(data.width / 64) * word.picojoules;
}

function isWanted(path: string): boolean {
  if (!path.includes('.u_cluster.')) return false;
  if (memorySignal.test(path) || grants.test(path) || pops.test(path) || register.test(path)) return true;
  return results.some(({ pattern }) => pattern.test(path));
}

function find(signals: ReadonlyMap<string, Watch>, pattern: RegExp): Watch[] {
  const found = new Set([...signals].filter(([path]) => pattern.test(path)).map(([, watch]) => watch));
  return [...found];
}

/** Instances of pm_ram: scopes that have all three signals. */
function memoriesOf(signals: ReadonlyMap<string, Watch>): Memory[] {
  const scopes = [...signals.keys()]
    .filter((path) => path.endsWith('.rdata_o'))
    .map((path) => path.slice(0, -8));
  return scopes.flatMap((scope) => {
    const [write, address, data] = ['we_i', 'raddr_i', 'rdata_o'].map((name) =>
      signals.get(`${scope}.${name}`),
    );
    const part = weightMemory.test(scope) ? 'FIFO and activation banks' : 'vector registers';
    return write && address && data
      ? [{ part, write, address, data, seen: address.changes, accesses: 0 }]
      : [];
  });
}
