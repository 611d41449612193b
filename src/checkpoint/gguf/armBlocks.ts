/**
 * bitnet.cpp writes I2_S in blocks of 128 columns on x86 and of 64 on ARM, and nothing in the file says which. Read in the
 * wrong blocks, the columns of a matrix are in another order, and the model writes nonsense. But the columns of a trained
 * matrix are not alike: how many of a column's weights are not zero goes with the factor by which the norm before it
 * scales that column. Random numbers don't; then nothing is concluded.
 */
import { InputError } from '../../errors.ts';
import type { GgufFile } from './ggufFile.ts';

/** Layers and rows of a matrix that are looked at: some megabytes of a model. */
const [maxLayers, maxRows] = [4, 256];
/** Evidence without which nothing is concluded. Chance alone brings about one for each matrix, of which there are 20. */
const enough = 80;

const readers = {
  attn_norm: ['attn_q', 'attn_k', 'attn_v'],
  ffn_norm: ['ffn_gate', 'ffn_up'],
} as const;

/** @throws InputError if the matrices of a file seem to be in blocks of 64 columns */
export async function refuseArmBlocks(file: GgufFile): Promise<void> {
  let [of128, of64] = [0, 0];
  for (let layer = 0; layer < maxLayers; layer++) {
    for (const [norm, matrices] of Object.entries(readers)) {
      const scales = await floatsOf(file, `blk.${layer}.${norm}.weight`);
      for (const matrix of scales ? matrices : []) {
        const counts = await countsOf(file, `blk.${layer}.${matrix}.weight`);
        if (!counts || counts.length !== scales!.length) continue;
        of128 += evidence(counts, scales!, columnIn128);
        of64 += evidence(counts, scales!, columnIn64);
      }
    }
  }
  if (of64 < enough || of64 < 2 * of128) return;
  throw new InputError(
    `${file.path}: its I2_S matrices seem to be in blocks of 64 columns, as bitnet.cpp writes them on ARM; expected ` +
      'blocks of 128. Take a file that was written on x86, or the model in the format of Hugging Face',
  );
}

/** The column of entry k of a row: two bits each of the row's bytes, the highest first. */
type ColumnOf = (k: number) => number;
const columnIn128: ColumnOf = (k) => k - (k % 128) + 32 * (k % 4) + ((k % 128) >> 2);
const columnIn64: ColumnOf = (k) => k - (k % 64) + 16 * (k % 4) + ((k % 64) >> 2);

/** n·r² of the correlation r between two rows of n numbers, one of them in another order. */
function evidence(counts: Float64Array, scales: Float32Array, columnOf: ColumnOf): number {
  const x = deviations(counts);
  const logs = deviations(Float64Array.from(scales, (scale) => Math.log(Math.abs(scale) + 1e-6)));
  const product = x.reduce((sum, value, k) => sum + value * logs[columnOf(k)]!, 0);
  const squares = sumOfSquares(x) * sumOfSquares(logs);
  return squares > 0 ? (x.length * product ** 2) / squares : 0;
}

function deviations(values: Float64Array): Float64Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.map((value) => value - mean);
}

function sumOfSquares(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value * value, 0);
}

/** How many of the weights in each entry of a matrix's rows are not zero. */
async function countsOf(file: GgufFile, name: string): Promise<Float64Array | undefined> {
  const tensor = file.tensors.get(name);
  if (tensor?.type.name !== 'I2_S') return undefined;
  const columns = tensor.shape.at(-1)!;
  const rows = Math.min(tensor.shape[0]!, maxRows);
  const bytes = new Uint8Array((rows * columns) / 4);
  await file.readInto(name, bytes, 0);
  const counts = new Float64Array(columns);
  for (const [at, byte] of bytes.entries()) {
    const first = 4 * (at % (columns / 4));
    for (let field = 0; field < 4; field++)
      if (((byte >> (6 - 2 * field)) & 3) !== 1) counts[first + field]!++;
  }
  return counts;
}

async function floatsOf(file: GgufFile, name: string): Promise<Float32Array | undefined> {
  const tensor = file.tensors.get(name);
  if (tensor?.type.name !== 'F32') return undefined;
  const floats = new Float32Array(tensor.shape.reduce((product, size) => product * size, 1));
  await file.readInto(name, new Uint8Array(floats.buffer), 0);
  return floats;
}
