/** Programs of values at the edges of their ranges, where rounding, saturation and normalisation can go wrong. */
import { encode, instruction } from '../../src/accelerator/instructionSet.ts';
import { bytesOfBeat, type MachineSizes } from '../../src/accelerator/parameters.ts';
import { type Below, type RandomProgram, xorshift } from '../../src/accelerator/testing.ts';

const length = 48;
const loadedVectors = 4;
const loadedScalars = 8;

/** 0, powers of two and their neighbours, the ends of the range, of both signs; now and then anything. */
function edge(below: Below): number {
  if (below(4) === 0) return below(2 ** 32) | 0;
  const size = 2 ** below(32) + below(3) - 1;
  return Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, below(2) ? size : -size));
}

function edgeMantissa(below: Below): number {
  return [32768, 32769, 65534, 65535, 32768 + below(32768)][below(5)]!;
}

function edgeExponent(below: Below): number {
  return [-128, -127, -49, -48, -47, -32, -16, -15, -1, 0, 1, 15, 16, 126, 127, below(256) - 128][below(16)]!;
}

/** Loads vectors and scalars of edges, then runs `count` row-wise and scalar operations on them. */
export function extremeProgram(seed: number, sizes: MachineSizes, count: number): RandomProgram {
  const below = xorshift(seed);
  const beats = length / sizes.lanes;
  const words = Int32Array.from({ length: loadedVectors * length }, () => edge(below));
  const loads = Array.from({ length: loadedVectors }, (_, y) =>
    instruction('ldv', { y, addr: y * beats, len: length }),
  );
  const scalars = Array.from({ length: loadedScalars }, (_, i) =>
    below(8)
      ? instruction('sli', { sd: 1 + i, m: edgeMantissa(below), e: edgeExponent(below) })
      : instruction('sli', { sd: 1 + i, m: 0, e: 0 }),
  );
  const body = Array.from({ length: count }, () => (below(2) ? rowOperation(below) : scalarOperation(below)));
  const weights = beats * Math.ceil(length / sizes.columns);
  const product = [
    instruction('qnt', { q: 0, a: below(loadedVectors), len: length }),
    instruction('wst', { core: 0, addr: loadedVectors * beats, beats: weights * sizes.cores }),
    ...Array.from({ length: sizes.cores - 1 }, (_, i) =>
      instruction('wst', { core: i + 1, addr: loadedVectors * beats, beats: weights }),
    ),
    instruction('tmv', { q: 0, to: 7, wr: 1, arg: 1, first: 1, rows: length, cols: length }),
    instruction('tout'),
  ];
  const memory = new Uint8Array((loadedVectors * beats + weights * sizes.cores) * bytesOfBeat(sizes));
  memory.set(new Uint8Array(words.buffer));
  for (let i = words.byteLength; i < memory.length; i++) memory[i] = below(256);
  const program = [...loads, ...scalars, ...body, ...product, instruction('halt')];
  return { words: program.map(encode), memory, tokens: [] };
}

function rowOperation(below: Below) {
  const name = (['mov', 'add', 'sub', 'mul', 'sig', 'sigc', 'silu', 'qnt'] as const)[below(8)]!;
  const common = { a: below(8), scale: below(3) ? below(1 + loadedScalars) : 0, len: 1 + below(length) };
  if (name === 'qnt') return instruction(name, { q: below(2), ...common });
  const red = below(3);
  return instruction(name, {
    // Results go to the upper half, so that the edges stay.
    ...{ y: 4 + below(4), ...common, red, sd: red ? 9 + below(7) : 0 },
    ...(['add', 'sub', 'mul'].includes(name) ? { b: below(8) } : {}),
    ...(name === 'mul' ? { shift: below(32) } : {}),
  });
}

function scalarOperation(below: Below) {
  const name = (['smul', 'sadd', 'smax', 'srcp', 'srsq'] as const)[below(5)]!;
  const [sd, sa, sb] = [9 + below(7), below(16), below(16)];
  return name === 'srcp' || name === 'srsq'
    ? instruction(name, { sd, sa })
    : instruction(name, { sd, sa, sb });
}
