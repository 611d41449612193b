import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { architectureOf } from '../model/architecture.ts';
import { attends, type DecoderConfig } from '../model/config.ts';
import { formatConfig, parseConfig } from './huggingFaceConfig.ts';

const sizes = {
  ...{ vocab_size: 96, hidden_size: 64, num_hidden_layers: 2, intermediate_size: 128 },
  ...{ num_attention_heads: 4, num_key_value_heads: 2 },
};

function parse(model_type: string, fields: object = {}): DecoderConfig {
  const { config } = parseConfig({ ...sizes, model_type, ...fields }, 'x');
  if (!attends(config)) throw new Error(`expected a model that attends, found ${config.modelType}`);
  return config;
}

const namesOf = (config: DecoderConfig) =>
  architectureOf(config)
    .parameters()
    .map(({ name, role }) => `${name} ${role}`);

describe('Qwen 3', () => {
  it('has heads of 128 and norms of queries and keys', () => {
    const config = parse('qwen3', { use_sliding_window: false, sliding_window: 4096, max_window_layers: 28 });
    expect(config).toMatchObject({ headSize: 128, queryKeyNorm: true, bosTokenId: null, activation: 'silu' });
    const norm = architectureOf(config)
      .parameters()
      .find(({ name }) => name === 'model.layers.1.self_attn.k_norm.weight');
    expect(norm?.shape).toEqual([128]);
    expect(parseConfig(formatConfig(config), 'x').config).toEqual(config);
  });

  it.each([
    ['use_sliding_window', true, /use_sliding_window: found true, not supported; expected false/],
    ['layer_types', ['full_attention', 'sliding_attention'], /layer_types.1: found "sliding_attention"/],
    ['mlp_bias', true, /mlp_bias: found true, expected false in a model of type qwen3/],
    ['hidden_act', 'relu2', /hidden_act: found "relu2", expected "silu" in a model of type qwen3/],
    ['num_experts', 8, /num_experts: found 8, but this field is unknown/],
    ['final_logit_softcapping', 30, /final_logit_softcapping: found 30, but this field is unknown/],
  ])('refuses %s = %j', (field, value, message) => {
    expect(() => parse('qwen3', { [field]: value })).toThrow(message);
    expect(() => parse('qwen3', { [field]: value })).toThrow(InputError);
  });
});

describe('Llama', () => {
  it('may have biases of attention, of the gated unit, or of both', () => {
    const biases = (fields: object) => namesOf(parse('llama', fields)).filter((name) => /bias/.test(name));
    expect(biases({})).toEqual([]);
    expect(biases({ attention_bias: true })).toHaveLength(8);
    expect(biases({ attention_bias: true, mlp_bias: true })).toHaveLength(14);
  });

  it.each(['sliding_window', 'num_local_experts', 'attn_logit_softcapping', 'query_pre_attn_scalar'])(
    'refuses %s',
    (field) => {
      expect(() => parse('llama', { [field]: 16 })).toThrow(`${field}: found 16`);
    },
  );
});

describe('quantization_config', () => {
  const bitnet = { quant_method: 'bitnet' };
  const read = (quantization_config: object, fields: object = {}) =>
    parse('llama', { quantization_config, ...fields });

  it('makes the projections ternary and leaves the head float', () => {
    const names = namesOf(read(bitnet));
    expect(names).toContain('model.layers.0.self_attn.q_proj.weight ternary');
    expect(names).toContain('lm_head.weight matrix');
  });

  it('lists the modules that stay float: by name, by ending, by the module that they belong to', () => {
    const modules_to_not_convert = ['lm_head', 'down_proj', 'model.layers.1'];
    const config = read({ ...bitnet, modules_to_not_convert });
    const ternary = namesOf(config).filter((name) => name.endsWith(' ternary'));
    expect(ternary).toHaveLength(6);
    expect(ternary.every((name) => name.startsWith('model.layers.0.') && !/down/.test(name))).toBe(true);
    expect(parseConfig(formatConfig(config), 'x').config).toEqual(config);
    expect(namesOf(read({ ...bitnet, modules_to_not_convert: [] }))).toContain('lm_head.weight ternary');
  });

  it('may ask for a norm before the rounding, whose weights a checkpoint may lack', () => {
    const config = read({ ...bitnet, use_rms_norm: true, rms_norm_eps: 1e-5 });
    expect(config.projections).toMatchObject({ normEpsilon: 1e-5 });
    const norms = architectureOf(config)
      .parameters()
      .filter(({ name }) => name.endsWith('rms_norm.weight'));
    expect(norms).toHaveLength(14);
    expect(norms.every(({ optional }) => optional)).toBe(true);
    expect(parseConfig(formatConfig(config), 'x').config).toEqual(config);
  });

  it('says whether scales multiply or divide', () => {
    const scale = (quantization_config: object | null, model_type = 'llama') =>
      parseConfig({ ...sizes, model_type, quantization_config }, 'x').packedScale;
    expect(scale(bitnet)).toBe('divides');
    expect(scale({ ...bitnet, linear_class: 'bitlinear' })).toBe('divides');
    expect(scale({ ...bitnet, linear_class: 'autobitlinear' })).toBe('multiplies');
    expect(scale(null)).toBe('multiplies');
    expect(scale(null, 'bitnet')).toBe('multiplies');
  });

  it.each([
    [{ quant_method: 'awq' }, /quant_method: found "awq", not supported; expected "bitnet"/],
    [{ ...bitnet, linear_class: 'mine' }, /linear_class: found "mine"/],
    [
      { ...bitnet, linear_class: 'autobitlinear' },
      /linear_class: found "autobitlinear" with biases, which that class scales too/,
      { attention_bias: true },
    ],
    [{ ...bitnet, weight_bits: 4 }, /quantization_config.weight_bits: found 4, but this key is unknown/],
    [
      { ...bitnet, modules_to_not_convert: ['layers.*'] },
      /modules_to_not_convert: found "layers.\*", expected names of modules/,
    ],
  ])('is refused by name: %j', (quantization_config, message, fields: object = {}) => {
    expect(() => read(quantization_config, fields)).toThrow(message);
  });
});
