/** GGUF files whose embedding and head are stored in other types, quantised plainly: the same file for all who read it. */
import { readFile, writeFile } from 'node:fs/promises';
import { f16Number, f16ToF32, f32ToF16 } from '../src/checkpoint/floats.ts';
import { GgufFile } from '../src/checkpoint/gguf/ggufFile.ts';
import { bytesOfTensor, typeIds, typeOf } from '../src/checkpoint/gguf/types.ts';

const alignment = 32;
const tables: readonly string[] = ['token_embd.weight', 'output.weight'];

export const tableTypes = ['Q4_0', 'Q4_K'] as const;
export type TableType = (typeof tableTypes)[number];

/** Writes the file at `from`, whose tables are F16, with tables of this type. */
export async function writeWithTables(from: string, type: TableType, to: string): Promise<void> {
  const source = await readFile(from);
  const file = await GgufFile.open(from);
  const data: Buffer[] = [];
  let [offset, firstOffset] = [0, 0];
  for (const [name, tensor] of file.tensors) {
    const place = infoOf(source, name, tensor.shape.length);
    const bytes = bytesOfTensor(
      tensor.type,
      tensor.shape.reduce((product, size) => product * size, 1),
    );
    firstOffset ||= tensor.offset - Number(source.readBigUInt64LE(place + 4));
    const stored = source.subarray(tensor.offset, tensor.offset + bytes);
    const made = tables.includes(name) ? quantised(stored, type) : stored;
    if (made !== stored) source.writeUInt32LE(typeIds[type], place);
    source.writeBigUInt64LE(BigInt(offset), place + 4);
    const padding = (alignment - (made.length % alignment)) % alignment;
    data.push(made, Buffer.alloc(padding));
    offset += made.length + padding;
  }
  await file.close();
  await writeFile(to, Buffer.concat([source.subarray(0, firstOffset), ...data]));
}

/** Where the header says a tensor's type, and its offset after it. */
function infoOf(source: Buffer, name: string, axes: number): number {
  const key = Buffer.alloc(8 + name.length);
  key.writeBigUInt64LE(BigInt(name.length));
  key.write(name, 8);
  return source.indexOf(key) + key.length + 4 + 8 * axes;
}

function quantised(stored: Buffer, type: TableType): Buffer {
  const halves = new Uint16Array(Uint8Array.from(stored).buffer);
  const floats = f16ToF32(halves, new Float32Array(halves.length));
  const { blockElements, blockBytes } = typeOf(typeIds[type])!;
  const blocks = Buffer.alloc((floats.length / blockElements) * blockBytes);
  const write = type === 'Q4_0' ? writeQ4 : writeQ4K;
  for (let block = 0; block * blockElements < floats.length; block++) {
    const one = floats.subarray(block * blockElements, (block + 1) * blockElements);
    write(one, blocks.subarray(block * blockBytes, (block + 1) * blockBytes));
  }
  return blocks;
}

/** A half-precision number, rounded and put. */
function putHalf(block: Buffer, at: number, value: number): number {
  const [half] = f32ToF16(Float32Array.of(value), new Uint16Array(1));
  block.writeUInt16LE(half!, at);
  return f16Number(half!);
}

const codeOf = (value: number, most: number) => Math.min(Math.max(Math.round(value), 0), most);

/** (code − 8) · scale: the entry farthest from zero has code 0. */
function writeQ4(floats: Float32Array, block: Buffer): void {
  const farthest = floats.reduce((far, value) => (Math.abs(value) > Math.abs(far) ? value : far), 0);
  const scale = putHalf(block, 0, farthest / -8);
  const codes = Array.from(floats, (value) => codeOf(value / (scale || 1) + 8, 15));
  for (let k = 0; k < 16; k++) block[2 + k] = codes[k]! | (codes[k + 16]! << 4);
}

/** code · d · scale − dmin · minimum, from the least and the largest entry of each group of 32. */
function writeQ4K(floats: Float32Array, block: Buffer): void {
  const groups = Array.from({ length: 8 }, (_, g) => floats.subarray(32 * g, 32 * g + 32));
  const least = groups.map((group) => Math.min(0, ...group));
  const steps = groups.map((group, g) => (Math.max(...group) - least[g]!) / 15);
  const d = putHalf(block, 0, Math.max(...steps) / 63);
  const dmin = putHalf(block, 2, Math.max(...least.map((value) => -value)) / 63);
  const scales = steps.map((step) => codeOf(step / (d || 1), 63));
  const minima = least.map((value) => codeOf(-value / (dmin || 1), 63));
  for (let g = 0; g < 4; g++) {
    block[4 + g] = scales[g]! | ((scales[g + 4]! >> 4) << 6);
    block[8 + g] = minima[g]! | ((minima[g + 4]! >> 4) << 6);
    block[12 + g] = (scales[g + 4]! & 15) | ((minima[g + 4]! & 15) << 4);
  }
  for (const [g, group] of groups.entries()) {
    const step = d * scales[g]!;
    for (const [k, value] of group.entries())
      block[16 + 32 * (g >> 1) + k]! |=
        codeOf((value + dmin * minima[g]!) / (step || 1), 15) << (4 * (g & 1));
  }
}
