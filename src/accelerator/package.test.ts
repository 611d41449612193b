import fs from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { golden } from '../../test/smallModel.ts';
import { temporaryFolder } from '../checkpoint/testing.ts';
import { compileModel } from './compile/model.ts';
import { loadPackage, savePackage } from './package.ts';
import { defaultSizes } from './parameters.ts';
import { parseRom } from './romFile.ts';
import { xorshift } from './testing.ts';

it('saves and loads a compiled model, and refuses what does not belong together', async () => {
  const folder = await temporaryFolder();
  const compiled = await compileModel(golden, { sizes: defaultSizes });
  await savePackage(folder, compiled, defaultSizes, { hex: true });
  const found = await loadPackage(folder);
  expect(found.program).toEqual(compiled.program);
  expect(new Uint8Array(found.memory)).toEqual(compiled.image());
  // Line by line the text holds the same bytes, the last of a beat first.
  const lines = (await fs.readFile(join(folder, 'dram.mem'), 'utf8')).trim().split('\n');
  expect(Buffer.concat(lines.map((line) => Buffer.from(line, 'hex').reverse()))).toEqual(
    Buffer.from(compiled.image()),
  );

  const manifest = join(folder, 'accelerator.json');
  const good = await fs.readFile(manifest, 'utf8');
  const with_ = (from: string, to: string) => fs.writeFile(manifest, good.replace(from, to));
  await with_('"cores": 1', '"cores": 99');
  await expect(loadPackage(folder)).rejects.toThrow('accelerator cores: found 99, expected 1 to 32');
  await with_('"format": 1', '"format": 2');
  await expect(loadPackage(folder)).rejects.toThrow(/accelerator\.json: format/);
  await with_('{', '');
  await expect(loadPackage(folder)).rejects.toThrow(/is not JSON/);
  await fs.writeFile(manifest, good);
  await fs.truncate(join(folder, 'dram.bin'), 640);
  await expect(loadPackage(folder)).rejects.toThrow(/found 640 bytes, expected/);
  await fs.truncate(join(folder, 'dram.bin'), 100);
  await expect(loadPackage(folder)).rejects.toThrow(/expected whole beats of 64/);
  await fs.rm(join(folder, 'dram.bin'));
  await expect(loadPackage(folder)).rejects.toThrow(/cannot be read/);
});

it('keeps the widths of the machine, whose beats the image has', async () => {
  const folder = await temporaryFolder();
  const sizes = { ...defaultSizes, maxLength: 256, lanes: 4, rowLanes: 2, columns: 20 };
  const compiled = await compileModel(golden, { sizes });
  await savePackage(folder, compiled, sizes, { hex: true });
  const found = await loadPackage(folder);
  expect(found.sizes).toEqual(sizes);
  expect(new Uint8Array(found.memory)).toEqual(compiled.image());
  const [line] = (await fs.readFile(join(folder, 'dram.mem'), 'utf8')).split('\n');
  expect(line).toHaveLength(32);
});

it('reads instruction images line by line', () => {
  expect(parseRom('0000000000000001 // one\n\n00000000000000ff\r\n', 'x')).toEqual([1n, 255n]);
  expect(() => parseRom('00\n', 'x.mem')).toThrow('x.mem:1: found "00", expected 16 hexadecimal digits');
  expect(() => parseRom('0000000000000001\n'.repeat(65537), 'x.mem')).toThrow('x.mem:65537: more than 65536');
});

/** A text with a few pieces cut out, doubled, or replaced by others. */
function damaged(text: string, seed: number): string {
  const below = xorshift(seed);
  let found = text;
  for (let i = 0; i <= below(3); i++) {
    const at = below(found.length);
    const piece = found.slice(at, at + below(20));
    const other = ['', piece + piece, '-1', '1e99', '0.5', 'null', '{', '[', '"', '\u0000', '9'.repeat(400)];
    found = found.slice(0, at) + other[below(other.length)]! + found.slice(at + piece.length);
  }
  return found;
}

it('handles any damage of a package', async () => {
  const folder = await temporaryFolder();
  const compiled = await compileModel(golden, { sizes: defaultSizes });
  await savePackage(folder, compiled, defaultSizes);
  let refused = 0;
  for (const name of ['accelerator.json', 'program.mem']) {
    const path = join(folder, name);
    const good = await fs.readFile(path, 'utf8');
    for (let seed = 1; seed <= 150; seed++) {
      await fs.writeFile(path, damaged(good, seed));
      try {
        await loadPackage(folder);
      } catch (error) {
        expect((error as Error).name, `${name}, seed ${seed}: ${(error as Error).stack}`).toBe('InputError');
        refused++;
      }
    }
    await fs.writeFile(path, good);
  }
  expect(refused).toBeGreaterThan(100);
  await expect(loadPackage(folder)).resolves.toMatchObject({ vocabulary: 96 });
});
