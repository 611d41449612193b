import { expect, test } from 'vitest';
import { parseJsonObject } from '../json.ts';
import { parseConfig } from './huggingFaceConfig.ts';
import { parseHeader } from './safetensorsHeader.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

test.each(['llama', 'bitnet'])(
  '%s: fields of rotary positions that would be ignored are refused by name',
  (type) => {
    const sizes = { vocab_size: 96, hidden_size: 64, num_hidden_layers: 1, intermediate_size: 128 };
    const parse = (fields: object) =>
      parseConfig({ ...sizes, model_type: type, num_attention_heads: 4, ...fields }, 'x');
    for (const name of ['rope_scaling', 'rope_parameters']) {
      expect(() => parse({ [name]: { factor: 4 } })).toThrow(`${name}.factor: found 4`);
      expect(() => parse({ [name]: { rope_type: 'default', partial_rotary_factor: 0.5 } })).toThrow(
        `${name}.partial_rotary_factor: found 0.5`,
      );
      parse({ [name]: { rope_type: 'default', partial_rotary_factor: 1 } });
      parse({ [name]: {} });
    }
    parse({ attention_dropout: 0.1, rope_scaling: null });
  },
);

test('a key that is written twice in one object is refused', () => {
  for (const text of ['{"a":1,"a":2}', '{"a":{"b":1,"\\u0062":1}}', '{"x":[{"y":":","y":0}]}']) {
    expect(() => parseJsonObject(bytes(text), 'x')).toThrow('x: found a key twice');
  }
  expect(parseJsonObject(bytes('{"a":{"a":"\\":"},"b:":[{"a":1},{"a":2}]}'), 'x')).toHaveProperty('a');
  const tensor = '{"dtype":"U8","shape":[1],"data_offsets":[0,1]}';
  expect(() => parseHeader(bytes(`{"t":${tensor},"t":${tensor}}`), 1, 'x')).toThrow('found a key twice');
});
