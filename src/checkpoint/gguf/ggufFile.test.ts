import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../errors.ts';
import { GgufFile } from './ggufFile.ts';
import { ggufBytes, ggufFile, goldenGguf, type Plain, text, u32, u64, value, zeros } from './testing.ts';

async function refusal(bytes: Uint8Array, name?: string): Promise<string> {
  const path = await ggufFile(bytes, name);
  const error = await GgufFile.open(path).then(
    (file) => file.close(),
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(InputError);
  expect(error.message).toContain(path);
  return error.message;
}

/** A header of these bytes after magic and version. */
const raw = (...parts: Uint8Array[]) =>
  new Uint8Array(Buffer.concat([Buffer.from('GGUF'), u32(3), ...parts]));

describe('a header', () => {
  it('gives metadata and tensors, shapes from the slowest index to the fastest', async () => {
    const file = await GgufFile.open(goldenGguf('bitnet-i2s'));
    expect(file.metadata.text('general.architecture')).toBe('bitnet-b1.58');
    expect(file.metadata.number('bitnet-b1.58.rope.freq_base')).toBe(500_000);
    expect(file.metadata.texts('tokenizer.ggml.tokens')).toHaveLength(150);
    expect(file.metadata.numbers('tokenizer.ggml.token_type').slice(0, 4)).toEqual([3, 3, 3, 1]);
    expect(file.tensors.size).toBe(35);
    expect(file.tensors.get('blk.0.attn_k.weight')).toMatchObject({ shape: [64, 128], byteLength: 2080 });
    await file.close();
  });

  it('is read on where it is longer than the first megabyte', async () => {
    const words = Array.from({ length: 90_000 }, (_, k) => `word${k}`);
    const file = await GgufFile.open(await ggufFile(ggufBytes({ words, last: 7 })));
    expect(file.metadata.texts('words').at(-1)).toBe('word89999');
    expect(file.metadata.integer('last')).toBe(7);
    await file.close();
  });

  it('of version 2 is the same', async () => {
    const bytes = ggufBytes({ answer: 42 });
    bytes[4] = 2;
    const file = await GgufFile.open(await ggufFile(bytes));
    expect(file.metadata.integer('answer')).toBe(42);
    await file.close();
  });

  it.each([
    ['bonsai-q2-64', 64],
    ['bonsai-q2-128', 128],
    ['bonsai-pq2', 128],
  ])('tells the two layouts of Q2_0 apart by where tensors begin: %s', async (name, group) => {
    const file = await GgufFile.open(goldenGguf(name));
    expect(file.tensors.get('blk.1.ffn_up.weight')!.type.blockElements).toBe(group);
    await file.close();
  });
});

describe('a header is refused', () => {
  const lying = 2n ** 40n;
  const one = (name: string, plain: Plain) => Buffer.concat([text(name), value(plain)]);
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['for other magic', Buffer.from('GGML and more bytes'), /expected a GGUF file/],
    ['for a ZIP archive', Buffer.from('PK\u0003\u0004 and more'), /found a ZIP archive/],
    ['for version 1', Buffer.concat([Buffer.from('GGUF'), u32(1), u64(0)]), /found version 1, expected/],
    [
      'for the other byte order',
      Buffer.concat([Buffer.from('GGUF'), Buffer.from([0, 0, 0, 3]), u64(0)]),
      /big-endian/,
    ],
    ['for nothing after the magic', Buffer.from('GGUF'), /truncated/],
    ['for a lying number of tensors', raw(u64(lying), u64(0)), /tensors: found 1099511627776/],
    ['for a lying number of keys', raw(u64(0), u64(lying)), /metadata: found 1099511627776/],
    ['for a lying length of a key', raw(u64(0), u64(1), u64(lying)), /found a value of 1099511627776 bytes/],
    [
      'for a lying length of an array',
      raw(u64(0), u64(1), text('a'), u32(9), u32(4), u64(lying)),
      /found a value of 4398046511104 bytes/,
    ],
    [
      'for a lying number of texts',
      raw(u64(0), u64(1), text('a'), u32(9), u32(8), u64(lying)),
      /truncated or damaged/,
    ],
    [
      'for an unknown type of a value',
      raw(u64(0), u64(1), text('a'), u32(13)),
      /"a": found the unknown type 13/,
    ],
    [
      'for arrays of arrays',
      raw(u64(0), u64(1), text('a'), u32(9), u32(9), u64(1)),
      /"a": found an array of type array/,
    ],
    ['for a key twice', raw(u64(0), u64(2), one('a', 1), one('a', 1)), /metadata "a": found it twice/],
    ['for an alignment of 3', ggufBytes({ 'general.alignment': 3 }), /"general.alignment": found 3/],
    ['for a tensor twice', ggufBytes({}, [zeros('a', [8]), zeros('a', [8])]), /"a" twice/],
    ['for five dimensions', ggufBytes({}, [zeros('a', [1, 1, 1, 1, 1])]), /found 5 dimensions/],
    ['for no elements', ggufBytes({}, [zeros('a', [8, 0])]), /dimensions: found \[8,0\]/],
    ['for a type that is known and not read', ggufBytes({}, [zeros('a', [8], 11)]), /found Q3_K \(type 11\)/],
    ['for a type that is unknown', ggufBytes({}, [zeros('a', [8], 99)]), /found the unknown type 99/],
    [
      'for rows that are not whole blocks',
      ggufBytes({}, [{ ...zeros('a', [256], 36), dimensions: [64, 4] }]),
      /rows of 64 elements, expected a multiple of 128 for I2_S; files written on ARM/,
    ],
    [
      'for overlapping tensors',
      ggufBytes({}, [zeros('a', [8]), zeros('b', [8])], [0, 0]),
      /"b": found it at byte 0/,
    ],
    ['for a hole', ggufBytes({}, [zeros('a', [8]), zeros('b', [8])], [0, 64]), /"b": found it at byte 64/],
    [
      'for missing data',
      ggufBytes({}, [zeros('a', [64])]).subarray(0, -64),
      /"a": ends at byte .* truncated/,
    ],
  ];
  it.each(cases)('%s', async (_, bytes, message) => {
    expect(await refusal(bytes)).toMatch(message);
  });
});

describe('a split model', () => {
  const part = (no: number, count: number, tensor: string) =>
    ggufBytes({ 'split.no': no, 'split.count': count }, [zeros(tensor, [8])]);
  const name = (no: number) => `model-0000${no}-of-00002.gguf`;
  async function write(second?: Uint8Array): Promise<string> {
    const path = await ggufFile(part(0, 2, 'a'), name(1));
    if (second) await writeFile(path.replace(name(1), name(2)), second);
    return path;
  }

  it('is read whole', async () => {
    const file = await GgufFile.open(await write(part(1, 2, 'b')));
    expect([...file.tensors.keys()]).toEqual(['a', 'b']);
    const bytes = new Uint8Array(32).fill(1);
    await file.readInto('b', bytes, 0);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    await file.close();
  });

  it.each([
    ['a missing part', undefined, /model-00002-of-00002.gguf: no such file/],
    ['a part of another model', part(2, 3, 'b'), /found part 3 of 3 inside, expected part 2 of 2/],
    ['a tensor in both', part(1, 2, 'a'), /tensor "a" is also in .*00001-of/],
  ])('is refused for %s', async (_, second, message) => {
    await expect(GgufFile.open(await write(second))).rejects.toThrow(message);
  });

  it('is opened by its first part, and by its own name', async () => {
    expect(await refusal(part(1, 2, 'b'), name(2))).toMatch(/found part 2 of a model.*name .*00001-of-00002/);
    expect(await refusal(part(0, 2, 'a'))).toMatch(/one of 2 parts, expected a name that ends in/);
  });
});

it('a file that grows shorter while it is open is noticed', async () => {
  const path = await ggufFile(ggufBytes({}, [zeros('a', [64])]));
  const file = await GgufFile.open(path);
  await writeFile(path, (await readFile(path)).subarray(0, 40));
  await expect(file.readInto('a', new Uint8Array(256), 0)).rejects.toThrow(/truncated or replaced/);
  await file.close();
});

it('gives the memory of a vocabulary back when it is closed', async () => {
  const file = await GgufFile.open(goldenGguf('bitnet-i2s'));
  await file.close();
  expect(() => file.metadata.texts('tokenizer.ggml.tokens')).toThrow(/detached/);
});
