import { describe, expect, it } from 'vitest';
import { rotationOf } from '../model/rope.ts';
import { formatConfig, parseConfig } from './huggingFaceConfig.ts';

const model = {
  ...{ model_type: 'llama', vocab_size: 96, hidden_size: 64, num_hidden_layers: 1, intermediate_size: 128 },
  ...{ num_attention_heads: 4, max_position_embeddings: 256 },
};
const parse = (fields: object) => {
  const { config } = parseConfig({ ...model, ...fields }, 'x');
  if (config.modelType !== 'llama') throw new Error(`expected a llama, found ${config.modelType}`);
  return config;
};
const rotation = (rope_parameters: object) => {
  const { rope, headSize } = parse({ rope_parameters: { rope_theta: 10_000, ...rope_parameters } });
  return rotationOf(rope, headSize);
};

const eight = [1, 1.5, 2, 2.5, 3, 3.5, 4, 5];
const llama3 = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 64 };

/** Frequencies and magnitudes computed in float32 by Hugging Face's transformers 5.24. */
const published = [
  {
    fields: { rope_type: 'linear', factor: 4 },
    frequencies: [0.25, 0.07905694, 0.025, 0.007905695, 0.0025, 0.0007905695, 0.00025, 7.905695e-5],
    magnitude: 1,
  },
  {
    fields: { rope_type: 'dynamic', factor: 4 },
    frequencies: [1, 0.3162278, 0.1, 0.03162278, 0.01, 0.003162278, 0.001, 0.0003162278],
    magnitude: 1,
  },
  {
    fields: { rope_type: 'llama3', factor: 8, ...llama3 },
    frequencies: [1, 0.2443846, 0.01304226, 0.003952847, 0.00125, 0.0003952847, 0.000125, 3.952847e-5],
    magnitude: 1,
  },
  {
    fields: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 64 },
    frequencies: [1, 0.2371708, 0.05, 0.007905695, 0.0025, 0.0007905695, 0.00025, 7.905695e-5],
    magnitude: 1.1386294,
  },
  {
    fields: {
      ...{ rope_type: 'yarn', factor: 4, original_max_position_embeddings: 64, truncate: false },
      ...{ beta_fast: 16, beta_slow: 2, mscale: 1.5, mscale_all_dim: 0.5 },
    },
    frequencies: [1, 0.1484903, 0.025, 0.007905695, 0.0025, 0.0007905695, 0.00025, 7.905695e-5],
    magnitude: 1.1296433,
  },
  {
    fields: {
      ...{ rope_type: 'longrope', factor: 4, original_max_position_embeddings: 256 },
      ...{ short_factor: eight, long_factor: eight },
    },
    frequencies: [1, 0.2108185, 0.05, 0.01264911, 0.003333333, 0.0009035079, 0.00025, 6.324556e-5],
    magnitude: 1.118034,
  },
];

describe('rotary positions', () => {
  it.each(published)("turn by Hugging Face's frequencies: $fields", ({ fields, frequencies, magnitude }) => {
    const found = rotation(fields);
    frequencies.forEach((frequency, i) => {
      expect(found.frequencies[i]! / frequency).toBeCloseTo(1, 5);
    });
    expect(found.magnitude).toBeCloseTo(magnitude, 6);
  });

  it.each(published)('are written so that they are read back the same: $fields', ({ fields }) => {
    const config = parse({ rope_parameters: { rope_theta: 500, ...fields } });
    expect(parseConfig(formatConfig(config), 'x').config).toEqual(config);
  });

  it('are read from the older place, from both, and from the field that GGUF-like tools keep outside', () => {
    const inner = { rope_type: 'llama3', factor: 8, ...llama3 };
    const expected = parse({ rope_parameters: { rope_theta: 5e5, ...inner } }).rope;
    expect(parse({ rope_theta: 5e5, rope_scaling: inner }).rope).toEqual(expected);
    const { rope_type: type, ...rest } = inner;
    expect(parse({ rope_theta: 5e5, rope_scaling: { type, ...rest } }).rope).toEqual(expected);
    expect(parse({ rope_theta: 5e5, rope_scaling: inner, rope_parameters: inner }).rope).toEqual(expected);
    const { original_max_position_embeddings: _, ...without } = inner;
    const outside = { original_max_position_embeddings: 64, rope_theta: 5e5, rope_scaling: without };
    expect(parse(outside).rope).toEqual(expected);
  });

  it.each([
    [{ rope_type: 'mrope' }, /rope_parameters.rope_type: found "mrope", not supported; expected "default"/],
    [{ rope_type: 'linear' }, /rope_parameters.factor: found nothing, expected it to be given/],
    [
      { rope_type: 'llama3', factor: 8, low_freq_factor: 4, high_freq_factor: 4 },
      /high_freq_factor: found 4, expected more than low_freq_factor \(4\)/,
    ],
    [{ rope_type: 'default', mrope_section: [1] }, /rope_parameters.mrope_section: found \[1\], a setting/],
    [{ factor: 4 }, /rope_parameters.factor: found 4, without the rope_type that it belongs to/],
    [{ rope_type: 'default', partial_rotary_factor: 0.5 }, /partial_rotary_factor: found 0.5/],
    [
      { rope_type: 'longrope', short_factor: [1], long_factor: eight },
      /short_factor: found 1 numbers, expected 8, half of a head/,
    ],
    [
      {
        ...{ rope_type: 'longrope', original_max_position_embeddings: 128 },
        ...{ short_factor: eight, long_factor: eight.map((x) => 2 * x) },
      },
      /long_factor differs from short_factor, which is not supported beyond 128 tokens/,
    ],
  ])('are refused by name: %j', (rope_parameters, message) => {
    expect(() => parse({ rope_parameters })).toThrow(message);
  });

  it('are refused where two places differ', () => {
    const scaling = { rope_type: 'linear', factor: 2 };
    expect(() => parse({ rope_scaling: scaling, rope_parameters: { ...scaling, factor: 4 } })).toThrow(
      /rope_scaling: found .*"factor":2.*, but rope_parameters has .*"factor":4/,
    );
    expect(() => parse({ rope_theta: 1, rope_parameters: { rope_theta: 2 } })).toThrow(/rope_theta: found 1/);
    expect(() => parse({ partial_rotary_factor: 0.25 })).toThrow(/partial_rotary_factor: found 0.25/);
  });
});
