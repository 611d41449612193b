import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { architectureOf } from '../model/architecture.ts';
import { Checkpoint } from './checkpoint.ts';
import { convertCheckpoint } from './convert.ts';
import { loadParameters } from './load.ts';
import { MemoryStore, temporaryFolder } from './testing.ts';

const fixture = (name: string) =>
  fileURLToPath(new URL(`../../test/fixtures/golden/${name}`, import.meta.url));

/** All parameters as floats, however they are stored. */
async function floatsOf(folder: string) {
  await using checkpoint = await Checkpoint.open(folder);
  const specs = architectureOf(checkpoint.config).parameters();
  const store = new MemoryStore(specs);
  await loadParameters(checkpoint, specs, store, { mode: 'training' });
  // + 0: codes have one zero.
  return new Map(specs.map(({ name }) => [name, store.floats(name).map((x) => x + 0)]));
}

describe('converting floats that are codes times scales', () => {
  it.each([
    ['qwen3-ternary-tiny', 'ternary', 4],
    ['qwen3-binary-tiny', 'binary', 8],
  ])('%s is packed, and stands for the same floats', async (name, _, perByte) => {
    const target = join(await temporaryFolder(), 'packed');
    await convertCheckpoint(fixture(name), target, { to: 'packed' });
    await using checkpoint = await Checkpoint.open(target);
    const { hiddenSize, intermediateSize } = checkpoint.config;
    const down = 'model.layers.0.mlp.down_proj.weight';
    expect(checkpoint.tensor(down)).toMatchObject({
      dtype: 'U8',
      shape: [hiddenSize, intermediateSize / perByte],
    });
    expect(checkpoint.tensor(`${down}_scale`)).toMatchObject({
      dtype: 'F16',
      shape: [hiddenSize, intermediateSize / 128],
    });
    const expected = await floatsOf(fixture(name));
    expect(await floatsOf(target)).toEqual(expected);
    const floats = join(target, '..', 'floats');
    await convertCheckpoint(target, floats, { to: 'f32' });
    await using again = await Checkpoint.open(floats);
    expect(again.tensor(down).dtype).toBe('F32');
    expect(again.tensors.has(`${down}_scale`)).toBe(false);
    expect(await floatsOf(floats)).toEqual(expected);
  });

  it('refuses ordinary floats, naming the first entry that does not fit', async () => {
    const target = join(await temporaryFolder(), 'packed');
    await expect(convertCheckpoint(fixture('llama-tiny'), target, { to: 'packed' })).rejects.toThrow(
      /tensor "model\.layers\.0\.self_attn\.q_proj\.weight": entry \[0, 1\]: found .*, expected 0 or ±/,
    );
  });
});
