import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { architectureNames, configNames, defaultIntermediateSize, namedConfig } from '../model/config.ts';
import { readConfig, readStoredConfig } from './config.ts';
import { formatConfig, parseConfig } from './huggingFaceConfig.ts';
import { golden, temporaryFolder } from './testing.ts';
import { writeConfig } from './writeConfig.ts';

const goldenFields = JSON.parse(await readFile(join(golden, 'config.json'), 'utf8'));
const minimal = { model_type: 'hgrn_bit', vocab_size: 96, hidden_size: 64, num_hidden_layers: 2 };

describe('reading', () => {
  it('understands the config that the released code wrote', async () => {
    const { config, unknownFields } = await readStoredConfig(golden);
    expect(config).toEqual({
      modelType: 'hgrn_bit',
      variant: 'released',
      vocabSize: 96,
      hiddenSize: 64,
      layers: 2,
      intermediateSize: 256,
      rmsNormEps: 1e-6,
      useLowerBound: true,
      bosTokenId: 1,
      eosTokenId: 2,
      initializerRange: 0.02,
      maxPositionEmbeddings: 2048,
    });
    expect(unknownFields).toEqual([]);
  });

  it("fills in the authors' defaults", () => {
    expect(parseConfig(minimal, 'x').config).toEqual(parseConfig(goldenFields, 'x').config);
  });

  it.each([
    ['model_type', 'gpt2', /model_type: found "gpt2", expected one of "hgrn_bit"/],
    ['model_type', undefined, /model_type: found nothing/],
    ['num_heads', 2, /num_heads: found 2, not supported; expected 1/],
    ['use_short_conv', true, /use_short_conv: found true, not supported; expected false/],
    ['expand_ratio', 2, /expand_ratio: found 2/],
    ['hidden_act', 'gelu', /hidden_act: found "gelu", not supported; expected "swish" or "silu"/],
    ['tie_word_embeddings', true, /tie_word_embeddings: found true/],
    ['plusminus_variant', 'mine', /plusminus_variant: found "mine"/],
    ['hidden_size', 0, /hidden_size: found 0, expected an integer from 1 to/],
    ['hidden_size', 1e12, /hidden_size: found 1000000000000/],
    ['hidden_size', '64', /hidden_size: found "64"/],
    ['hidden_size', undefined, /hidden_size: found nothing, expected it to be given/],
    ['num_hidden_layers', 1.5, /num_hidden_layers: found 1.5/],
    ['vocab_size', -1, /vocab_size: found -1/],
    ['intermediate_size', 1e9, /intermediate_size/],
    ['hidden_ratio', 0, /hidden_ratio/],
    ['rms_norm_eps', 0, /rms_norm_eps: found 0/],
    ['eos_token_id', [1, 'x'], /eos_token_id: found \[1,"x"\]/],
    ['use_lower_bound', 'yes', /use_lower_bound: found "yes"/],
    ['num_key_value_heads', 4, /num_key_value_heads: found 4, but this field is unknown/],
    ['rope_theta', 1e4, /rope_theta: found 10000/],
    ['quantization_config', { bits: 4 }, /quantization_config/],
  ])('refuses %s = %j by name and value', (name, value, message) => {
    const parse = () => parseConfig({ ...minimal, [name]: value }, 'folder/config.json');
    expect(parse).toThrow(message);
    expect(parse).toThrow(InputError);
    expect(parse).toThrow(/^folder\/config.json: /);
  });

  it('lists unknown fields that are harmless, but not the housekeeping of Hugging Face', () => {
    const fields = { ...minimal, id2label: {}, torch_dtype: 'float16', author: 'me', attention_sink: null };
    expect(parseConfig(fields, 'x').unknownFields).toEqual(['attention_sink', 'author']);
  });

  it('understands MatMul-free RWKV-4, which has no heads and no lower bounds', () => {
    const { model_type: _, ...sizes } = minimal;
    const { config } = parseConfig({ ...sizes, model_type: 'rwkv_bit' }, 'x');
    expect(config).toEqual({
      ...{ modelType: 'rwkv_bit', vocabSize: 96, hiddenSize: 64, layers: 2, intermediateSize: 256 },
      ...{ rmsNormEps: 1e-6, bosTokenId: 1, eosTokenId: 2 },
      ...{ initializerRange: 0.02, maxPositionEmbeddings: 2048 },
    });
    for (const field of ['num_heads', 'use_lower_bound', 'attention_hidden_size'])
      expect(() => parseConfig({ ...sizes, model_type: 'rwkv_bit', [field]: 2 }, 'x')).toThrow(
        new RegExp(`${field}: found 2, but this field is unknown`),
      );
  });

  it('takes several end tokens, none, and an open width', () => {
    expect(parseConfig({ ...minimal, eos_token_id: [2, 3] }, 'x').config.eosTokenId).toEqual([2, 3]);
    expect(
      parseConfig({ ...minimal, eos_token_id: null, bos_token_id: null }, 'x').config.eosTokenId,
    ).toBeNull();
    expect(parseConfig({ ...minimal, intermediate_size: 100 }, 'x').config.intermediateSize).toBe(100);
    expect(parseConfig({ ...minimal, hidden_ratio: 8 }, 'x').config.intermediateSize).toBe(512);
  });

  it('throws only InputError for any JSON', () => {
    const field = fc.constantFrom(...Object.keys(goldenFields), 'plusminus_variant', 'x');
    fc.assert(
      fc.property(fc.dictionary(field, fc.jsonValue()), (fields) => {
        try {
          parseConfig({ ...minimal, ...fields, model_type: 'hgrn_bit' }, 'x');
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('says what a model folder needs, or where an interrupted save left it', async () => {
    const folder = join(await temporaryFolder(), 'model');
    await expect(readConfig(folder)).rejects.toThrow(/config.json: not found. A model folder needs/);
    await mkdir(`${folder}.previous`);
    await expect(readConfig(folder)).rejects.toThrow(/earlier model in .*model\.previous; rename it back/);
    await rename(`${folder}.previous`, folder);
    await writeFile(join(folder, 'config.json'), '{"a":'.repeat(100));
    await expect(readConfig(folder)).rejects.toThrow(/nested deeper/);
    await writeFile(join(folder, 'config.json'), Buffer.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d));
    await expect(readConfig(folder)).rejects.toThrow(/expected JSON/);
  });
});

describe('writing', () => {
  it('gives all fields of the released configuration class', () => {
    const written = formatConfig(parseConfig(goldenFields, 'x').config);
    const housekeeping =
      /transformers|architectures|output_|return_dict|dtype|chunk_size|is_enc|label|problem|_name|pad_/;
    for (const [name, value] of Object.entries(goldenFields)) {
      if (housekeeping.test(name)) continue;
      expect(written).toHaveProperty(name, name === 'intermediate_size' ? 256 : value);
    }
  });

  it('is read back the same, with fields that are kept', async () => {
    const folder = await temporaryFolder();
    for (const variant of ['released', 'paper'] as const) {
      const config = { ...namedConfig('tiny', { vocabSize: 77, variant }), eosTokenId: [2, 7] };
      await writeConfig(folder, config, { author: 'me', hidden_size: 3, plusminus_variant: 'paper' });
      const stored = await readStoredConfig(folder);
      expect(stored.config).toEqual(config);
      expect(stored.fields.author).toBe('me');
    }
  });
});

describe('named configurations', () => {
  it('have the sizes of the paper', () => {
    const widths = { '370M': 2816, '1.3B': 5632, '2.7B': 6912, '7B': 11008, '13B': 13824 };
    for (const [name, width] of Object.entries(widths)) {
      expect(namedConfig(name as '7B').intermediateSize).toBe(width);
    }
    expect(namedConfig('370M')).toMatchObject({
      layers: 24,
      hiddenSize: 1024,
      vocabSize: 32000,
      rmsNormEps: 1e-6,
    });
    expect(defaultIntermediateSize(64)).toBe(256);
  });

  it('survive a trip through config.json', () => {
    const architectures = architectureNames.map((architecture) => namedConfig('tiny', { architecture }));
    for (const config of [...configNames.map((name) => namedConfig(name)), ...architectures]) {
      expect(parseConfig(formatConfig(config), 'x').config).toEqual(config);
    }
  });
});
