import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../text/seededRandom.ts';
import { temporaryFolder } from '../testing.ts';
import { refuseArmBlocks } from './armBlocks.ts';
import { i2Blocks, i2Scale } from './encode.ts';
import { GgufFile } from './ggufFile.ts';
import { text, writeGguf } from './writeGguf.ts';

const [columns, rows] = [1024, 256];

/** Codes of a matrix in the order in which blocks of 128 hold what is written as blocks of 64. */
function asOnArm(codes: Int8Array): Int8Array {
  return codes.map((_, k) => {
    const [byte, field] = [(k - (k % 128)) / 4 + (k % 32), Math.floor((k % 128) / 32)];
    const block = byte - (byte % 16);
    return codes[4 * block + 16 * field + (byte % 16)]!;
  });
}

/** A file whose weights are zero the more often, the smaller their column's factor, or at random. */
async function written(blocks: 64 | 128, trained: boolean): Promise<GgufFile> {
  const random = new SeededRandom(3);
  const scales = random.fillNormal(new Float32Array(columns), 0.5).map(Math.exp);
  const matrix = () => {
    const codes = Int8Array.from({ length: rows * columns }, (_, i) => {
      const dense = trained ? Math.min(0.6 + 0.05 * Math.log(scales[i % columns]!), 1) : 0.6;
      return random.uniform() < dense ? 2 * random.integer(2) - 1 : 0;
    });
    return i2Blocks(blocks === 64 ? asOnArm(codes) : codes);
  };
  const path = join(await temporaryFolder(), 'model.gguf');
  const norm = { type: 'F32', dimensions: [columns] } as const;
  const packed = { type: 'I2_S', dimensions: [columns, rows] } as const;
  const scale = i2Scale(0.5);
  await writeGguf(path, { 'general.architecture': text('bitnet-b1.58') }, [
    { name: 'blk.0.attn_norm.weight', ...norm, chunks: () => [new Uint8Array(scales.buffer)] },
    ...['q', 'k', 'v'].map((name) => ({
      ...{ name: `blk.0.attn_${name}.weight`, ...packed },
      chunks: () => [matrix(), scale],
    })),
  ]);
  return GgufFile.open(path);
}

describe('blocks of I2_S', () => {
  it('of 64 columns are refused, by what trained columns have in common', async () => {
    const file = await written(64, true);
    await expect(refuseArmBlocks(file)).rejects.toThrow(
      /blocks of 64 columns, as bitnet.cpp writes them on ARM/,
    );
    await file.close();
  });

  it.each([
    { what: 'of 128 columns', blocks: 128, trained: true },
    { what: 'of random weights, which say nothing', blocks: 64, trained: false },
  ] as const)('$what are read', async ({ blocks, trained }) => {
    const file = await written(blocks, trained);
    await expect(refuseArmBlocks(file)).resolves.toBeUndefined();
    await file.close();
  });
});
