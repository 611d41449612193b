/** Models with random weights, to measure and test sizes for which no trained weights exist. */
import { bytesOf } from '../engine/engine.ts';
import type { ModelConfig } from '../model/config.ts';
import { fillFixed, type ParameterSpec, scaleName } from '../model/parameters.ts';
import { elementCount, packedRows } from '../program/tensor.ts';
import { packedFields } from './attentionConfig.ts';
import { f32ToF16 } from './floats.ts';
import { clearPadding } from './packing.ts';
import { packRowsInt8 } from './packingRows.ts';
import { packedScaleOf } from './quantizationConfig.ts';
import { saveCheckpoint } from './save.ts';
import { chunkElements, type PackedScale, storedScale } from './tensorSource.ts';
import type { TensorEntry } from './writeSafetensors.ts';

/**
 * Writes a packed checkpoint with the statistics of a new model: matrices as N(0, σ) would quantise, the embedding and
 * dense matrices in f16, vectors by their `init`, lower bounds N(0, 1). The same seed gives the same file.
 * @param seed any integer; its lower 32 bits count
 * @param embedding `int8`: rows with a scale each, half the size
 */
export async function randomCheckpoint(
  target: string,
  config: ModelConfig,
  specs: readonly ParameterSpec[],
  options: {
    readonly seed: number;
    readonly embedding?: 'f16' | 'int8' | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<void> {
  const { seed, embedding, signal } = options;
  const quantisation = packedFields(config);
  const entries = specs.flatMap((spec) =>
    spec.role === 'embedding' && embedding === 'int8'
      ? randomRows(spec, seed, signal)
      : randomEntries(spec, seed, packedScaleOf(quantisation), signal),
  );
  await saveCheckpoint(target, config, entries, { keptFields: quantisation });
}

function randomEntries(
  spec: ParameterSpec,
  seed: number,
  packedScale: PackedScale,
  signal: AbortSignal | undefined,
): TensorEntry[] {
  const { name, shape, role } = spec;
  const next = () => randomBits(seed, name);
  if (role === 'ternary') {
    if (deviation(spec) === 0)
      throw new RangeError(`parameter ${name}: a ternary matrix starts as normal noise`);
    const packedShape = [packedRows(shape[0]!), shape[1]!];
    // The mean of |N(0, σ)|: the scale that quantising computes.
    const scale = Float32Array.of(storedScale(deviation(spec) * Math.sqrt(2 / Math.PI), packedScale));
    return [
      { name, dtype: 'U8', shape: packedShape, chunks: () => randomCodes(shape, next(), signal) },
      { name: scaleName(name), dtype: 'F32', shape: [1], chunks: () => [bytesOf(scale)] },
    ];
  }
  const dtype = role === 'vector' ? 'F32' : 'F16';
  return [{ name, dtype, shape, chunks: () => randomFloats(spec, dtype, next(), signal) }];
}

/** An embedding as int8 rows, in chunks. */
function randomRows(spec: ParameterSpec, seed: number, signal: AbortSignal | undefined): TensorEntry[] {
  const { name, shape } = spec;
  const [rows, width] = shape as readonly [number, number];
  async function* parts() {
    for (const bytes of wholeRows(randomFloats(spec, 'F32', randomBits(seed, name), signal), 4 * width))
      yield packRowsInt8(new Float32Array(bytes.buffer), width);
  }
  async function* codes() {
    for await (const part of parts()) yield new Uint8Array(part.codes.buffer);
  }
  async function* scales() {
    for await (const part of parts()) yield bytesOf(part.scales);
  }
  return [
    { name, dtype: 'I8', shape, chunks: codes },
    { name: scaleName(name), dtype: 'F32', shape: [rows], chunks: scales },
  ];
}

/** The same bytes, split into whole numbers of rows. */
function* wholeRows(chunks: Iterable<Uint8Array>, rowBytes: number): Generator<Uint8Array> {
  let rest = new Uint8Array();
  for (const chunk of chunks) {
    const bytes = new Uint8Array(rest.length + chunk.length);
    bytes.set(rest);
    bytes.set(chunk, rest.length);
    const end = Math.floor(bytes.length / rowBytes) * rowBytes;
    if (end > 0) yield bytes.slice(0, end);
    rest = bytes.slice(end);
  }
}

function deviation({ name, init }: ParameterSpec): number {
  if (name.endsWith('lower_bounds')) return 1; // their initial values are equal, so that every layer would forget alike
  return 'normal' in init ? init.normal : 0;
}

/** P(|w| ≤ t/2) for w ~ N(0, σ) and t its mean magnitude. */
const zeroShare = 0.3101;

/** A byte of four random codes for each 16 random bits; shares are exact to 2^-16. */
function buildCodeTable(): Uint8Array {
  const share = [(1 - zeroShare) / 2, zeroShare, (1 - zeroShare) / 2];
  const table = new Uint8Array(65536);
  let cumulative = 0;
  let filled = 0;
  for (let k = 0; k < 81; k++) {
    const codes = [k % 3, Math.floor(k / 3) % 3, Math.floor(k / 9) % 3, Math.floor(k / 27)];
    cumulative += codes.reduce((product, code) => product * share[code]!, 1);
    const end = k === 80 ? 65536 : Math.round(cumulative * 65536);
    table.fill(
      codes.reduce((byte, code, j) => byte | (code << (2 * j)), 0),
      filled,
      end,
    );
    filled = end;
  }
  return table;
}

let codeTable: Uint8Array | undefined;

function* randomCodes(shape: readonly number[], next: () => number, signal: AbortSignal | undefined) {
  codeTable ??= buildCodeTable();
  const [rows, columns] = shape as readonly [number, number];
  const packed = new Uint8Array(packedRows(rows) * columns);
  for (let k = 0; k < packed.length; k += 2) {
    if (k % chunkElements === 0) signal?.throwIfAborted();
    const bits = next();
    packed[k] = codeTable[bits & 0xffff]!;
    packed[k + 1] = codeTable[bits >>> 16]!; // a write past the end is ignored
  }
  clearPadding(packed, rows, columns);
  yield packed;
}

function* randomFloats(
  spec: ParameterSpec,
  dtype: 'F16' | 'F32',
  next: () => number,
  signal: AbortSignal | undefined,
) {
  const sigma = deviation(spec);
  const size = elementCount(spec.shape);
  for (let first = 0; first < size; first += chunkElements) {
    signal?.throwIfAborted();
    const floats = new Float32Array(Math.min(chunkElements, size - first));
    if (sigma > 0) fillNormal(floats, sigma, next);
    else fillFixed(floats, spec.init, first);
    if (dtype === 'F32') yield bytesOf(floats);
    else yield new Uint8Array(f32ToF16(floats, new Uint16Array(floats.length)).buffer);
  }
}

/** Box–Muller: two normal numbers from two uniform ones. */
function fillNormal(target: Float32Array, sigma: number, next: () => number): void {
  for (let k = 0; k < target.length; k += 2) {
    const radius = sigma * Math.sqrt(-2 * Math.log((next() + 1) / 2 ** 32));
    const angle = (2 * Math.PI * next()) / 2 ** 32;
    target[k] = radius * Math.cos(angle);
    target[k + 1] = radius * Math.sin(angle); // a write past the end is ignored
  }
}

/** Streams of 32 random bits, one for each seed and name (xorshift128 with an added counter). */
function randomBits(seed: number, name: string): () => number {
  let hash = 0x811c9dc5 ^ seed;
  const mix = (value: number) => {
    hash = Math.imul(hash ^ value, 0x01000193);
    hash ^= hash >>> 15;
    return Math.imul(hash ^ (hash >>> 13), 0x85ebca6b);
  };
  for (const character of name) mix(character.codePointAt(0)!);
  let [a, b, c, d] = [mix(1), mix(2), mix(3), mix(4) | 1]; // never all zero
  let counter = mix(5);
  return () => {
    let t = d;
    t ^= t << 11;
    t ^= t >>> 8;
    d = c;
    c = b;
    b = a;
    a = t ^ a ^ (a >>> 19);
    counter = (counter + 362437) | 0;
    return (a + counter) >>> 0;
  };
}
