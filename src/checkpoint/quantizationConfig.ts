/**
 * `quantization_config` of Hugging Face's BitNet integration: which projections are ternary, and what the scale of a
 * packed matrix means.
 */
import * as v from 'valibot';
import { InputError } from '../errors.ts';
import { type JsonObject, show } from '../json.ts';
import type { AttentionConfig, Projections } from '../model/config.ts';
import { flag, only, positive } from './configFields.ts';
import type { PackedScale } from './tensorSource.ts';

const quantizationFields = v.looseObject({
  quant_method: only('bitnet'),
  linear_class: v.nullish(only('bitlinear', 'autobitlinear')),
  quantization_mode: v.nullish(only('offline', 'online')),
  use_rms_norm: v.nullish(flag),
  rms_norm_eps: v.nullish(positive(1)),
  modules_to_not_convert: v.nullish(v.array(v.string('expected names of modules'))),
});

export const quantizationConfig = v.nullish(quantizationFields);

type Fields = v.InferOutput<typeof quantizationConfig>;

/** The head stays a float matrix unless a list of modules leaves it out. */
const usualExceptions = ['lm_head'];

/** @throws InputError naming a key that is not known, or a module that is named by a pattern */
export function ternaryProjections(fields: Fields, where: string): Extract<Projections, { kind: 'ternary' }> {
  for (const [key, value] of Object.entries(fields ?? {})) {
    if (Object.hasOwn(quantizationFields.entries, key) || value === null || value === false) continue;
    throw new InputError(
      `${where}: quantization_config.${key}: found ${show(value)}, but this key is unknown and may change what the ` +
        'model computes; remove it if it does not',
    );
  }
  const exceptions = fields?.modules_to_not_convert ?? usualExceptions;
  const pattern = exceptions.find((name) => !/^[\w.]+$/.test(name));
  if (pattern !== undefined) {
    throw new InputError(
      `${where}: quantization_config.modules_to_not_convert: found ${show(pattern)}, expected names of modules`,
    );
  }
  const normEpsilon = fields?.use_rms_norm ? (fields.rms_norm_eps ?? 1e-6) : null;
  return { kind: 'ternary', normEpsilon, exceptions };
}

type Ternary = Pick<AttentionConfig, 'projections' | 'attentionBias' | 'mlpBias'>;

function hasBiases({ attentionBias, mlpBias }: Ternary): boolean {
  return attentionBias || mlpBias;
}

/**
 * Hugging Face's class whose scales multiply does so after it has added the biases, the other one before. No model is
 * published so; computing it with the biases as they are would be wrong.
 */
export function refuseScaledBiases(fields: Fields, config: Ternary, where: string): void {
  const isOffline = (fields?.quantization_mode ?? 'offline') === 'offline';
  if (fields?.linear_class !== 'autobitlinear' || !isOffline || !hasBiases(config)) return;
  throw new InputError(
    `${where}: quantization_config.linear_class: found "autobitlinear" with biases, which that class scales too; ` +
      'expected "bitlinear", or no biases',
  );
}

/**
 * Whether the outputs of a packed matrix are multiplied by its scale or divided by it, which depends on the class of
 * Hugging Face's layer; without one it divides.
 */
export function packedScaleOf(fields: JsonObject): PackedScale {
  const quantization = fields.quantization_config as JsonObject | null | undefined;
  if (quantization === null || quantization === undefined) return 'multiplies';
  return quantization.linear_class === 'autobitlinear' ? 'multiplies' : 'divides';
}

/**
 * The `quantization_config` of what is written: float weights to be rounded (`online`), or packed ones (`offline`).
 * Their scales multiply, but with biases they divide: see `refuseScaledBiases`.
 */
export function formatQuantization(config: Ternary, mode: 'online' | 'offline'): JsonObject {
  const { projections } = config;
  if (projections.kind === 'float') return {};
  const { normEpsilon, exceptions } = projections;
  const isUsual = exceptions.join() === usualExceptions.join();
  return {
    quantization_config: {
      quant_method: 'bitnet',
      linear_class: mode === 'offline' && hasBiases(config) ? 'bitlinear' : 'autobitlinear',
      quantization_mode: mode,
      ...(normEpsilon === null ? {} : { use_rms_norm: true, rms_norm_eps: normEpsilon }),
      ...(isUsual ? {} : { modules_to_not_convert: exceptions }),
    },
  };
}
