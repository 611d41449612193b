/** Random programs for tests: of the simulators against one another, and of the RTL against both. */
import { encode, instruction, operations } from './instructionSet.ts';
import {
  type BankTiming,
  bytesOfBeat,
  defaultSizes,
  type MachineSizes,
  type MemoryTiming,
  type SlotTiming,
} from './parameters.ts';

export interface RandomProgram {
  readonly words: bigint[];
  readonly memory: Uint8Array<ArrayBuffer>;
  /** Tokens that the host gives, one for each slot and step; −1: none. Then it ends. */
  readonly tokens: number[];
}

/** A generator of integers below a bound. */
export type Below = (bound: number) => number;

/** xorshift32: small enough for a test bench to repeat. */
export function xorshift(seed: number): Below {
  let state = seed >>> 0 || 1;
  return (bound) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % bound;
  };
}

const rowNames = ['mov', 'add', 'sub', 'mul', 'sig', 'sigc', 'silu', 'shf'] as const;
const scalarNames = ['sli', 'smul', 'sadd', 'smax', 'srcp', 'srsq', 'sact'] as const;
/**
 * A legal program of about `length` instructions, in a loop over a few tokens: loads, stores, all operations, and
 * products of odd sizes whose weights are streamed once a loop.
 * @param longestVector in elements; every program has an upper limit of its own below it
 */
export function randomProgram(
  seed: number,
  sizes: MachineSizes,
  length: number,
  longestVector = 128,
): RandomProgram {
  const below = xorshift(seed);
  const longest = Math.min(sizes.maxLength, 16 * (1 + below(longestVector / 16)));
  const size = () => 1 + below(longest);
  const beats = new Array<number>(sizes.cores).fill(0);
  // Vectors of the greatest length, as tables of four rows or of all slots, have to fit.
  const dataBeats = Math.max(64, 4 * Math.ceil(longestVector / sizes.lanes));
  const beatBytes = bytesOfBeat(sizes);
  const body = Array.from({ length }, () => {
    const kind = below(16);
    if (kind < 8) return randomRow(below, size());
    if (kind < 11) return randomScalar(below);
    if (kind < 14) return randomAccess(below, size(), { sizes, dataBeats });
    return kind < 15 ? randomProduct(below, size, beats, sizes) : instruction(below(4) ? 'nop' : 'tout');
  });
  // Each core's weights are one stream, or two where it shows whether streams may follow one another.
  let address = dataBeats;
  const streams = beats.flatMap((count, core) => {
    const start = address;
    address += count;
    return count > 0 ? [instruction('wst', { core, addr: start, beats: count })] : [];
  });
  const end = streams.length + body.length + 2;
  const program = [
    instruction('tin', { target: end }),
    ...streams,
    ...body,
    instruction('jmp', { target: 0 }),
    instruction('halt'),
  ];
  const memory = new Uint8Array(address * beatBytes);
  for (let i = 0; i < memory.length; i++) memory[i] = below(256);
  // Mostly elements of ordinary size: with random bits everything would saturate.
  const words = new Int32Array(memory.buffer, 0, (dataBeats * beatBytes) / 4);
  for (let i = 0; i < words.length; i++) words[i] = words[i]! >> below(28);
  const steps = 1 + below(3);
  // A slot without a token now and then; a machine of one slot always has one.
  const token = () => (sizes.batch > 1 && below(5) === 0 ? -1 : below(4));
  const tokens = Array.from({ length: steps * sizes.batch }, token);
  return { words: program.map(encode), memory, tokens };
}

function randomRow(below: Below, len: number) {
  const [y, a, b] = [below(8), below(8), below(8)];
  const scale = below(2) ? below(16) : 0;
  if (below(6) === 0) return instruction('qnt', { q: below(2), a, scale, len });
  const name = rowNames[below(rowNames.length)]!;
  const red = below(3);
  const reduced = { red, sd: red ? 1 + below(15) : 0 };
  const second = ['add', 'sub', 'mul', 'shf'].includes(name) ? { b } : {};
  const shift = name === 'mul' ? { shift: below(32) } : {};
  return instruction(name, { y, a, scale, len, ...reduced, ...second, ...shift });
}

function randomScalar(below: Below) {
  const name = scalarNames[below(scalarNames.length)]!;
  const sd = 1 + below(15);
  if (name === 'sli') return instruction(name, { sd, m: 32768 + below(32768), e: below(40) - 34 });
  if (name === 'sact') return instruction(name, { sd });
  const [sa, sb] = [below(16), below(16)];
  return name === 'srcp' || name === 'srsq'
    ? instruction(name, { sd, sa })
    : instruction(name, { sd, sa, sb });
}

/** `dataBeats`: those at the start of memory that loads and stores use; weights follow. */
function randomAccess(
  below: Below,
  length: number,
  { sizes: { batch, lanes }, dataBeats }: { readonly sizes: MachineSizes; readonly dataBeats: number },
) {
  const name = (['ldv', 'ldh', 'lde', 'sv'] as const)[below(4)]!;
  const narrow = name === 'ldh' || name === 'lde';
  const each = narrow ? 0 : below(2);
  const rows = name === 'lde' ? 4 : each ? batch : 1;
  // Data of all slots have to fit where loads and stores go.
  const len = Math.min(length, lanes * Math.floor(dataBeats / rows));
  const beats = Math.ceil(len / (narrow ? 2 * lanes : lanes));
  const addr = below(dataBeats - rows * beats + 1);
  return instruction(name, { y: below(8), addr, len, ...(narrow ? { left: below(17) } : { each }) });
}

function randomProduct(below: Below, size: () => number, beats: number[], { lanes, columns }: MachineSizes) {
  const [rows, cols] = [size(), size()];
  const blocks = Math.ceil(rows / lanes);
  beats.forEach((count, core) => {
    beats[core] = count + Math.ceil(Math.max(0, blocks - core) / beats.length) * Math.ceil(cols / columns);
  });
  const [wr, arg] = (
    [
      [1, 0],
      [1, 1],
      [0, 1],
    ] as const
  )[below(3)]!;
  const first = arg ? below(2) : 0;
  return instruction('tmv', { to: wr ? below(8) : 0, q: below(2), wr, arg, first, rows, cols });
}

/**
 * Words that are illegal for one reason alone: an opcode that nothing has, one bit set that an instruction,
 * otherwise legal, does not have, or fields that contradict one another.
 */
export function illegalWords(): bigint[] {
  const free = Array.from({ length: 64 }, (_, code) => code).filter(
    (code) => !operations.some(({ opcode }) => opcode === code),
  );
  const legal = Array.from(
    { length: 40 },
    (_, seed) => randomProgram(seed + 1, defaultSizes, 50).words,
  ).flat();
  const reserved = operations.flatMap(({ opcode, fields }) => {
    const word = legal.find((each) => Number(each >> 58n) === opcode)!;
    const bits = Array.from({ length: 58 }, (_, bit) => bit);
    const unused = bits.filter((bit) => !fields.some(({ high, low }) => bit >= low && bit <= high));
    return unused.map((bit) => word | (1n << BigInt(bit)));
  });
  const contradictions = [
    instruction('mov', { len: 16, red: 3, sd: 1 }),
    instruction('mov', { len: 16, sd: 1 }),
    instruction('mov', { len: 16, red: 1 }),
    ...['sli', 'smul', 'sadd', 'smax', 'srcp', 'srsq', 'sact'].map((name) => instruction(name)),
    instruction('sli', { sd: 1, m: 32767 }),
    instruction('sli', { sd: 1, e: 1 }),
    instruction('ldh', { len: 16, left: 17 }),
    instruction('lde', { len: 16, left: 31 }),
    instruction('tmv', { rows: 16, cols: 16 }),
    instruction('tmv', { rows: 16, cols: 16, to: 1, arg: 1 }),
    instruction('tmv', { rows: 16, cols: 16, wr: 1, first: 1 }),
  ];
  return [...free.map((code) => BigInt(code) << 58n), ...reserved, ...contradictions.map(encode)];
}

/** Memory timings that reach every corner: every third seed has banks, the others fixed rates. */
export function randomTiming(seed: number, cores: number): MemoryTiming {
  return seed % 3 === 0 ? randomBanks(seed, cores) : randomSlots(seed, cores);
}

/** Short queues, few and many ticks a cycle, refresh at odd times. */
function randomBanks(seed: number, cores: number): BankTiming {
  const below = xorshift(seed ^ 0x2c1b3c6d);
  return {
    ...{ kind: 'banks', channels: 1 + below(4), queue: 1 + below(16), ports: 1 + below(cores) },
    ...{ ticksNumerator: 1 + below(60), ticksDenominator: 1 + below(5), latency: below(20) },
    ...{ refreshInterval: 800 + below(4000), refreshTicks: below(420) },
  };
}

/** Scarce slots, long and varying latencies, refresh at odd times. */
export function randomSlots(seed: number, cores: number): SlotTiming {
  const below = xorshift(seed ^ 0x5bd1e995);
  const refreshInterval = 50 + below(400);
  return {
    kind: 'slots',
    latency: 1 + below(40),
    ports: 1 + below(cores),
    numerator: 16 + below(64 * cores),
    denominator: 64,
    refreshInterval,
    refreshCycles: below(20),
    jitter: below(2) * below(60),
  };
}
