import fs, { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { InputError } from '../errors.ts';
import { SafetensorsFile } from './safetensors.ts';
import { parseHeader } from './safetensorsHeader.ts';
import { entry, golden, sameBytes, temporaryFolder, writeRaw } from './testing.ts';
import { type TensorEntry, writeSafetensors } from './writeSafetensors.ts';

const goldenFile = join(golden, 'model.safetensors');
const oneByte = { dtype: 'U8', shape: [1], data_offsets: [0, 1] };

afterEach(() => {
  vi.restoreAllMocks();
});

/** Opens a file of this header and data; the message of the InputError that this must give. */
async function refusal(header: unknown, dataBytes = 0): Promise<string> {
  const path = await writeRaw(
    join(await temporaryFolder(), 'x.safetensors'),
    header,
    new Uint8Array(dataBytes),
  );
  const error = await SafetensorsFile.open(path).catch((reason) => reason);
  expect(error).toBeInstanceOf(InputError);
  expect(error.message).toContain(path);
  return error.message;
}

describe('reading', () => {
  it('gives the tensors of a file that the reference implementation wrote', async () => {
    await using file = await SafetensorsFile.open(goldenFile);
    expect(file.metadata).toEqual({ format: 'pt' });
    expect(file.tensors.size).toBe(35);
    const info = file.tensors.get('model.layers.1.mlp.down_proj.weight');
    expect(info).toMatchObject({ dtype: 'F32', shape: [64, 256], byteLength: 65536 });
    const floats = new Float32Array((await file.read('model.norm.weight')).buffer);
    const mean = floats.reduce((sum, x) => sum + x, 0) / floats.length;
    expect(mean).toBeGreaterThan(0.8);
    expect(mean).toBeLessThan(1.2);
  });

  it('reads a part of a tensor into shared WebAssembly memory', async () => {
    await using file = await SafetensorsFile.open(goldenFile);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
    const target = new Uint8Array(memory.buffer, 1001, 50);
    await file.readInto('lm_head.weight', target, 77);
    expect([...target]).toEqual([...(await file.read('lm_head.weight')).subarray(77, 127)]);
    expect(new Uint8Array(memory.buffer)[1051]).toBe(0);
  });

  it('refuses ranges beyond the tensor, and names that are not there', async () => {
    await using file = await SafetensorsFile.open(goldenFile);
    const target = new Uint8Array(10);
    await expect(file.readInto('model.norm.weight', target, 250)).rejects.toThrow('bytes 250 to 260 of 256');
    await expect(file.readInto('model.norm.weight', target, -1)).rejects.toThrow(RangeError);
    await expect(file.read('__proto__')).rejects.toThrow(/"__proto__" not found among its 35/);
  });

  it('says so when the file has been truncated since', async () => {
    const path = join(await temporaryFolder(), 'x.safetensors');
    await writeFile(path, await readFile(goldenFile));
    await using file = await SafetensorsFile.open(path);
    await truncate(path, 200_000);
    await expect(file.read('model.norm.weight')).rejects.toThrow(/ends at byte .* truncated or replaced/);
  });

  it('refuses what is not a regular file', async () => {
    await expect(SafetensorsFile.open(golden)).rejects.toThrow(/expected a regular file/);
    await expect(SafetensorsFile.open('/dev/zero')).rejects.toThrow(/expected a regular file/);
    await expect(SafetensorsFile.open(join(golden, 'none'))).rejects.toThrow(/no such file/);
  });
});

describe('unsound headers', () => {
  it.each([
    ['a list', '[]', /must begin with "{"/],
    ['nothing', '', /must begin with "{"/],
    ['broken JSON', '{"a":', /expected JSON/],
    ['a tensor that is not an object', { a: 3 }, /tensor "a": found 3/],
    ['an unknown type', { a: { ...oneByte, dtype: 'F8' } }, /dtype: found "F8", expected one of F64/],
    ['a type named like a method', { a: { ...oneByte, dtype: 'toString' } }, /dtype: found "toString"/],
    ['no shape', { a: { ...oneByte, shape: undefined } }, /shape: found nothing/],
    ['a negative size', { a: { ...oneByte, shape: [-1] } }, /shape: found \[-1\]/],
    ['a fractional size', { a: { ...oneByte, shape: [0.5] } }, /shape: found \[0.5\]/],
    ['a size beyond exact integers', { a: { ...oneByte, shape: [2 ** 53] } }, /shape: found/],
    ['a shape that overflows', { a: { ...oneByte, shape: [2 ** 40, 2 ** 40, 0] } }, /takes NaN/],
    ['a shape that lies', { a: { ...oneByte, shape: [2] } }, /span 1 bytes, but U8 \[2\] takes 2/],
    ['offsets that run backwards', { a: { ...oneByte, data_offsets: [1, 0] } }, /begin ≤ end/],
    ['offsets beyond the file', { a: { ...oneByte, shape: [9], data_offsets: [0, 9] } }, /begin ≤ end ≤ 1/],
    ['three offsets', { a: { ...oneByte, data_offsets: [0, 1, 1] } }, /data_offsets/],
    ['overlapping tensors', { a: oneByte, b: oneByte }, /tensor "b" begins at byte 0 and overlaps/],
    ['metadata that is not text', { __metadata__: { a: 1 }, a: oneByte }, /__metadata__ "a": found 1/],
    ['metadata that is a list', { __metadata__: [], a: oneByte }, /__metadata__: found \[\]/],
  ])('refuses %s', async (_, header, message) => {
    expect(await refusal(header, 1)).toMatch(message);
  });

  it('refuses holes and bytes that no tensor owns', async () => {
    const late = { ...oneByte, data_offsets: [1, 2] };
    expect(await refusal({ a: late }, 2)).toMatch(/leaves a hole before it; expected 0/);
    expect(await refusal({ a: oneByte }, 2)).toMatch(/end at byte 1 of 2/);
  });

  it('refuses a length field that promises more than there is, without allocating it', async () => {
    const path = join(await temporaryFolder(), 'x.safetensors');
    for (const length of ['ffffffffffffffff', '0000004000000000', '0100000000000000']) {
      await writeFile(path, Buffer.from(length, 'hex'));
      await expect(SafetensorsFile.open(path)).rejects.toThrow(
        /header length: found \d+, expected at most 0/,
      );
    }
    await writeFile(path, new Uint8Array(7));
    await expect(SafetensorsFile.open(path)).rejects.toThrow(/7 bytes/);
  });

  it('refuses a header of more than 100 MB', async () => {
    const path = join(await temporaryFolder(), 'x.safetensors');
    await writeFile(path, '');
    await truncate(path, 200_000_000); // sparse
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(100_000_001n);
    await using file = await fs.open(path, 'r+');
    await file.write(length, 0, 8, 0);
    await expect(SafetensorsFile.open(path)).rejects.toThrow(/found 100000001, expected at most 100000000/);
  });

  it('survives absurd nesting and branching', async () => {
    expect(await refusal(`{"a":${'['.repeat(5_000_000)}`)).toMatch(/nested deeper than 64/);
    expect(await refusal(`{"a":[${'[],'.repeat(9_000_000)}[]]}`)).toMatch(/JSON of \d+ values/);
  });
});

describe('fuzzing', () => {
  const small = fc.uint8Array({ minLength: 1, maxLength: 9 });

  async function smallFile(): Promise<{ path: string; bytes: Buffer }> {
    const path = join(await temporaryFolder(), 'x.safetensors');
    await writeSafetensors(
      path,
      [entry('a', 'F32', [2, 1], Float32Array.of(1, 2)), entry('b', 'U8', [3], Uint8Array.of(1, 2, 3))],
      { format: 'pt' },
    );
    return { path, bytes: await readFile(path) };
  }

  it('refuses a file truncated at any byte', async () => {
    const { path, bytes } = await smallFile();
    for (let length = 0; length < bytes.length; length++) {
      await writeFile(path, bytes.subarray(0, length));
      await expect(SafetensorsFile.open(path)).rejects.toThrow(InputError);
    }
  });

  it('opens or refuses, but never crashes, with any bit flipped', async () => {
    const { path, bytes } = await smallFile();
    for (let bit = 0; bit < bytes.length * 8; bit += 3) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      await writeFile(path, flipped);
      const result = await SafetensorsFile.open(path).catch((error) => error);
      if (!(result instanceof SafetensorsFile)) {
        expect(result).toBeInstanceOf(InputError);
        continue;
      }
      for (const name of result.tensors.keys()) await result.read(name);
      await result.close();
    }
  });

  it('throws only InputError for any JSON as a header', () => {
    const tensor = fc.record(
      {
        dtype: fc.oneof(fc.constantFrom('F32', 'U8', 'BOOL'), fc.jsonValue()),
        shape: fc.oneof(fc.array(fc.nat(4), { maxLength: 3 }), fc.jsonValue()),
        data_offsets: fc.oneof(fc.tuple(fc.nat(16), fc.nat(16)), fc.jsonValue()),
      },
      { requiredKeys: [] },
    );
    const headers = fc.dictionary(fc.string(), fc.oneof(tensor, fc.jsonValue()), { maxKeys: 4 });
    fc.assert(
      fc.property(headers, fc.nat(16), (header, dataBytes) => {
        try {
          parseHeader(new TextEncoder().encode(JSON.stringify(header)), dataBytes, 'file');
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('reads back what it writes, whatever the names, types and chunks', async () => {
    const folder = await temporaryFolder();
    const tensors = fc.uniqueArray(
      fc.record({ name: fc.string(), dtype: fc.constantFrom('U8', 'I8', 'BOOL'), parts: fc.array(small) }),
      { selector: ({ name }) => name, maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(tensors, async (list) => {
        const path = join(folder, 'x.safetensors');
        const usable = list.filter(({ name }) => name !== '__metadata__' && name.isWellFormed());
        const sizeOf = (parts: Uint8Array[]) => parts.reduce((sum, part) => sum + part.length, 0);
        await writeSafetensors(
          path,
          usable.map(({ name, dtype, parts }): TensorEntry => {
            return { name, dtype: dtype as 'U8', shape: [sizeOf(parts)], chunks: () => parts };
          }),
        );
        await using file = await SafetensorsFile.open(path);
        expect([...file.tensors.keys()].sort()).toEqual(usable.map(({ name }) => name).sort());
        for (const { name, parts } of usable) {
          expect(Buffer.concat(parts).equals(await file.read(name))).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('writing', () => {
  it('reproduces a file of the reference implementation byte for byte', async () => {
    const path = join(await temporaryFolder(), 'copy.safetensors');
    await using file = await SafetensorsFile.open(goldenFile);
    const entries = [...file.tensors].map(([name, { dtype, shape }]): TensorEntry => {
      return {
        name,
        dtype,
        shape,
        chunks: async function* () {
          yield await file.read(name);
        },
      };
    });
    await writeSafetensors(path, entries, file.metadata);
    expect(await sameBytes(path, goldenFile)).toBe(true);
  });

  it('aligns every tensor to its elements', async () => {
    const path = join(await temporaryFolder(), 'x.safetensors');
    await writeSafetensors(path, [
      entry('bytes', 'U8', [3], new Uint8Array(3)),
      entry('floats', 'F32', [1], Float32Array.of(1)),
      entry('halves', 'F16', [1], Uint16Array.of(1)),
    ]);
    const bytes = await readFile(path);
    expect(bytes.readUInt32LE(0) % 8).toBe(0);
    await using file = await SafetensorsFile.open(path);
    expect([...file.tensors.keys()]).toEqual(['floats', 'halves', 'bytes']);
  });

  const bad: [string, () => Iterable<Uint8Array>, RegExp][] = [
    ['too few bytes', () => [new Uint8Array(3)], /only 3 bytes, expected 4/],
    ['too many bytes', () => [new Uint8Array(3), new Uint8Array(2)], /5 or more bytes, expected 4/],
    [
      'an exception',
      function* () {
        yield new Uint8Array(2);
        throw new Error('source broke');
      },
      /source broke/,
    ],
  ];
  it.each(bad)('leaves nothing and keeps the old file when a source gives %s', async (_, chunks, message) => {
    const folder = await temporaryFolder();
    const path = join(folder, 'x.safetensors');
    await writeFile(path, 'old');
    await expect(writeSafetensors(path, [{ name: 'a', dtype: 'U8', shape: [4], chunks }])).rejects.toThrow(
      message,
    );
    expect(await readdir(folder)).toEqual(['x.safetensors']);
    expect(await readFile(path, 'utf8')).toBe('old');
  });

  it('refuses doubled names and impossible shapes', async () => {
    const path = join(await temporaryFolder(), 'x.safetensors');
    const a = entry('a', 'U8', [1], new Uint8Array(1));
    await expect(writeSafetensors(path, [a, a])).rejects.toThrow(/name of its own/);
    await expect(writeSafetensors(path, [{ ...a, shape: [-1] }])).rejects.toThrow(/impossible shape/);
  });

  it('says that the disk is full (the kernel says so here), and removes the partial file', async () => {
    const folder = await temporaryFolder();
    const open = fs.open.bind(fs);
    vi.spyOn(fs, 'open').mockImplementation(async (path, flags) => {
      if (!String(path).includes('.partial-')) return open(path, flags);
      await writeFile(path as string, 'partial');
      return open('/dev/full', 'w');
    });
    const tensor = entry('a', 'U8', [100_000], new Uint8Array(100_000));
    const writing = writeSafetensors(join(folder, 'x.safetensors'), [tensor]);
    await expect(writing).rejects.toThrow(/x.safetensors: cannot be written: no space is left on the disk/);
    await expect(writing).rejects.toBeInstanceOf(InputError);
    expect(await readdir(folder)).toEqual([]);
  });

  it('says why a folder cannot be written to', async () => {
    const path = join(await temporaryFolder(), 'none', 'x.safetensors');
    await expect(writeSafetensors(path, [])).rejects.toThrow(
      /x\.safetensors: cannot be written: its folder does not exist/,
    );
  });
});
