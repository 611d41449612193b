/** Rotary positions in Hugging Face's `config.json` ⇄ `Rope`. */
import * as v from 'valibot';
import { InputError } from '../errors.ts';
import { type JsonObject, show } from '../json.ts';
import type { Rope } from '../model/rope.ts';
import { flag, integer, only, positive } from './configFields.ts';

const kind = only('default', 'linear', 'dynamic', 'yarn', 'llama3', 'longrope');
const factors = v.array(positive(1e9), 'expected a list of numbers');

const settings = v.looseObject({
  rope_theta: v.nullish(positive(1e12)),
  rope_type: v.nullish(kind),
  type: v.nullish(kind),
  factor: v.nullish(positive(1e6)),
  low_freq_factor: v.nullish(positive(1e6)),
  high_freq_factor: v.nullish(positive(1e6)),
  original_max_position_embeddings: v.nullish(integer(1, 2 ** 24)),
  attention_factor: v.nullish(positive(1e3)),
  beta_fast: v.nullish(positive(1e6)),
  beta_slow: v.nullish(positive(1e6)),
  mscale: v.nullish(v.number('expected a number')),
  mscale_all_dim: v.nullish(v.number('expected a number')),
  truncate: v.nullish(flag),
  short_factor: v.nullish(factors),
  long_factor: v.nullish(factors),
  partial_rotary_factor: v.nullish(only(1)),
});

/** Newer files have one object, older ones a field and an object; some have both. */
export const ropeFields = {
  rope_theta: v.nullish(positive(1e12)),
  rope_scaling: v.nullish(settings),
  rope_parameters: v.nullish(settings),
  original_max_position_embeddings: v.nullish(integer(1, 2 ** 24)),
  partial_rotary_factor: v.nullish(only(1)),
};

type Settings = v.InferOutput<typeof settings>;

interface Fields {
  readonly rope_theta?: number | null | undefined;
  readonly rope_scaling?: Settings | null | undefined;
  readonly rope_parameters?: Settings | null | undefined;
  readonly original_max_position_embeddings?: number | null | undefined;
}

export interface RopeDefaults {
  readonly where: string;
  readonly theta: number;
  readonly headSize: number;
  /** Context length in tokens. */
  readonly length: number;
}

/** @throws InputError naming the field that is unknown, missing or contradicts another one */
export function parseRope(fields: Fields, defaults: RopeDefaults): Rope {
  const { where } = defaults;
  const theta = thetaOf(fields, where) ?? defaults.theta;
  const found = (['rope_parameters', 'rope_scaling'] as const).flatMap((name) => {
    const object = fields[name];
    if (!object) return [];
    refuseUnknown(object, `${where}: ${name}`);
    const original = fields.original_max_position_embeddings;
    const whole = original ? { ...object, original_max_position_embeddings: original } : object;
    return [ropeOf(whole, theta, name, defaults)];
  });
  const [first, second] = found.filter(({ type }) => type !== 'default');
  if (first && second && JSON.stringify(first) !== JSON.stringify(second)) {
    const both = `rope_parameters has ${show(fields.rope_parameters)}`;
    refuse(where, 'rope_scaling', fields.rope_scaling, `but ${both}; expected the same in both`);
  }
  return first ?? { type: 'default', theta };
}

function thetaOf({ rope_theta, rope_parameters, rope_scaling }: Fields, where: string): number | undefined {
  const inner = rope_parameters?.rope_theta ?? rope_scaling?.rope_theta;
  if (rope_theta != null && inner != null && rope_theta !== inner) {
    refuse(where, 'rope_theta', rope_theta, `but rope_parameters has ${inner}; expected one value`);
  }
  return inner ?? rope_theta ?? undefined;
}

/**
 * A setting without a type would be ignored, and one that nothing here knows might ask for other positions: the model
 * would compute what its authors did not mean.
 */
function refuseUnknown(object: Settings, where: string): void {
  const isTyped = (object.rope_type ?? object.type) != null;
  for (const [name, value] of Object.entries(object)) {
    if (value === null || value === undefined) continue;
    if (['rope_theta', 'partial_rotary_factor'].includes(name)) continue;
    if (isTyped && Object.hasOwn(settings.entries, name)) continue;
    const reason = isTyped ? 'a setting that is not known' : 'without the rope_type that it belongs to';
    throw new InputError(`${where}.${name}: found ${show(value)}, ${reason}`);
  }
}

function ropeOf(
  object: Settings,
  theta: number,
  name: string,
  { where, headSize, length }: RopeDefaults,
): Rope {
  const need = (field: 'factor' | 'low_freq_factor' | 'high_freq_factor'): number =>
    object[field] ?? refuse(where, `${name}.${field}`, undefined, 'expected it to be given');
  const type = object.rope_type ?? object.type ?? 'default';
  const originalLength = object.original_max_position_embeddings ?? length;
  switch (type) {
    case 'default':
      return { type, theta };
    case 'linear':
    case 'dynamic':
      return { type, theta, factor: need('factor') };
    case 'llama3': {
      const [low, high] = [need('low_freq_factor'), need('high_freq_factor')];
      if (high <= low)
        refuse(where, `${name}.high_freq_factor`, high, `expected more than low_freq_factor (${low})`);
      const [lowFrequencyFactor, highFrequencyFactor] = [low, high];
      return { type, theta, factor: need('factor'), originalLength, lowFrequencyFactor, highFrequencyFactor };
    }
    case 'yarn': {
      const factor = object.factor ?? length / originalLength;
      return {
        ...{ type, theta, factor, originalLength },
        magnitude: object.attention_factor ?? yarnMagnitude(factor, object),
        betaFast: object.beta_fast ?? 32,
        betaSlow: object.beta_slow ?? 1,
        truncate: object.truncate ?? true,
      };
    }
    case 'longrope': {
      const factor = object.factor ?? length / originalLength;
      const magnitude = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalLength));
      return {
        ...{ type: 'factors', theta, magnitude: object.attention_factor ?? magnitude },
        factors: longRopeFactors(object, { where: `${where}: ${name}`, headSize, length, originalLength }),
      };
    }
  }
}

/** Temperature of attention over stretched positions: 0.1·m·ln(factor) + 1, or a quotient of two of these. */
function yarnMagnitude(factor: number, { mscale, mscale_all_dim }: Settings): number {
  const of = (m: number) => (factor <= 1 ? 1 : 0.1 * m * Math.log(factor) + 1);
  return mscale && mscale_all_dim ? of(mscale) / of(mscale_all_dim) : of(1);
}

/**
 * LongRoPE has factors for texts within the original length, and others for longer ones. Keys that are cached cannot
 * change their positions once a text grows longer, so the two must be the same, or the context no longer than that.
 */
function longRopeFactors(
  { short_factor: short, long_factor: long }: Settings,
  { where, headSize, length, originalLength }: Omit<RopeDefaults, 'theta'> & { originalLength: number },
): readonly number[] {
  for (const [name, list] of Object.entries({ short_factor: short, long_factor: long })) {
    if (list?.length === headSize / 2) continue;
    const count = list ? `${list.length} numbers` : 'nothing';
    throw new InputError(`${where}.${name}: found ${count}, expected ${headSize / 2}, half of a head`);
  }
  if (length > originalLength && short!.some((factor, i) => factor !== long![i])) {
    throw new InputError(
      `${where}: long_factor differs from short_factor, which is not supported beyond ${originalLength} tokens; ` +
        `expected max_position_embeddings of at most that, found ${length}`,
    );
  }
  return short!;
}

/** The fields of a config.json; both of Hugging Face's places are written. */
export function formatRope(rope: Rope, length: number): JsonObject {
  const scaling = scalingOf(rope, length);
  return {
    rope_theta: rope.theta,
    rope_scaling: rope.type === 'default' ? null : scaling,
    rope_parameters: { rope_theta: rope.theta, ...scaling },
  };
}

function scalingOf(rope: Rope, length: number): JsonObject {
  switch (rope.type) {
    case 'default':
      return { rope_type: rope.type };
    case 'linear':
    case 'dynamic':
      return { rope_type: rope.type, factor: rope.factor };
    case 'llama3':
      return {
        rope_type: rope.type,
        factor: rope.factor,
        low_freq_factor: rope.lowFrequencyFactor,
        high_freq_factor: rope.highFrequencyFactor,
        original_max_position_embeddings: rope.originalLength,
      };
    case 'yarn':
      return {
        rope_type: rope.type,
        factor: rope.factor,
        attention_factor: rope.magnitude,
        beta_fast: rope.betaFast,
        beta_slow: rope.betaSlow,
        truncate: rope.truncate,
        original_max_position_embeddings: rope.originalLength,
      };
    case 'factors':
      return {
        rope_type: 'longrope',
        factor: 1,
        attention_factor: rope.magnitude,
        short_factor: rope.factors,
        long_factor: rope.factors,
        original_max_position_embeddings: length,
      };
  }
}

function refuse(where: string, field: string, found: unknown, reason: string): never {
  throw new InputError(`${where}: ${field}: found ${show(found)}, ${reason}`);
}
