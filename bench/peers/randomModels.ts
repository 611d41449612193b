/** Random models of each family, in folders that Hugging Face's transformers reads too. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { convertCheckpoint } from '../../src/checkpoint/convert.ts';
import { SafetensorsFile } from '../../src/checkpoint/safetensors.ts';
import { saveCheckpoint } from '../../src/checkpoint/save.ts';
import { type TensorEntry, writeSafetensors } from '../../src/checkpoint/writeSafetensors.ts';
import { bytesOf } from '../../src/engine/engine.ts';
import { architectureOf } from '../../src/model/architecture.ts';
import { attends, type DecoderConfig, namedConfig, type Projections } from '../../src/model/config.ts';
import type { ParameterSpec } from '../../src/model/parameters.ts';
import type { Rope } from '../../src/model/rope.ts';
import { SeededRandom } from '../../src/text/seededRandom.ts';

export interface RandomFamily {
  readonly name: string;
  readonly architecture: 'llama' | 'bitnet' | 'qwen3';
  /** Whether activations become int8, where a tie may be rounded either way. */
  readonly isTernary: boolean;
  /** How the weights are stored; `divided`: packed, with scales that divide. */
  readonly stored: 'floats' | 'packed' | 'divided';
  readonly hasInputNorm?: boolean;
}

export const families: readonly RandomFamily[] = [
  { name: 'llama', architecture: 'llama', isTernary: false, stored: 'floats' },
  { name: 'qwen3', architecture: 'qwen3', isTernary: false, stored: 'floats' },
  { name: 'bitnet, floats rounded online', architecture: 'bitnet', isTernary: true, stored: 'floats' },
  { name: 'bitnet, packed', architecture: 'bitnet', isTernary: true, stored: 'packed' },
  { name: 'llama, autobitlinear online', architecture: 'llama', isTernary: true, stored: 'floats' },
  { name: 'llama, packed as written here', architecture: 'llama', isTernary: true, stored: 'packed' },
  { name: 'llama, bitlinear packed', architecture: 'llama', isTernary: true, stored: 'divided' },
  {
    ...{ name: 'llama, bitlinear packed, rms_norm', architecture: 'llama', isTernary: true },
    ...{ stored: 'divided', hasInputNorm: true },
  },
];

const [context, maxTokens] = [128, 96];

/** Writes a model with tokens to compare on, and returns its configuration. */
export async function writeRandomModel(
  folder: string,
  family: RandomFamily,
  seed: number,
): Promise<{ readonly config: DecoderConfig; readonly tokens: readonly number[] }> {
  const random = new SeededRandom(seed);
  const config = randomConfig(family, random);
  const entries = architectureOf(config)
    .parameters()
    .map((spec) => randomEntry(spec, random));
  const floats = family.stored === 'floats' ? folder : `${folder}-floats`;
  await saveCheckpoint(floats, config, entries);
  if (family.stored !== 'floats') await convertCheckpoint(floats, folder, { to: 'packed' });
  if (family.stored === 'divided') await divideByScales(folder);
  const length = 2 + random.integer(maxTokens - 1);
  const tokens = Array.from({ length }, () => random.integer(config.vocabSize));
  await writeFile(join(folder, 'tokens.json'), JSON.stringify(tokens));
  return { config, tokens };
}

function randomConfig({ architecture, isTernary, hasInputNorm }: RandomFamily, random: SeededRandom) {
  const pick = <T>(...values: readonly T[]): T => values[random.integer(values.length)]!;
  const isBitNet = architecture === 'bitnet';
  const headSize = pick(8, 16, 32, 40);
  const heads = pick(2, 4, 6);
  const projections: Projections = isTernary
    ? { kind: 'ternary', normEpsilon: hasInputNorm ? 1e-6 : null, exceptions: ['lm_head'] }
    : { kind: 'float' };
  const named = namedConfig('tiny', {
    ...{ architecture, vocabSize: 50 + random.integer(100), layers: 1 + random.integer(3) },
    // BitNet's norm before the output projection is as wide as the model; packed rows are whole fours.
    hiddenSize: isBitNet ? heads * headSize : 4 * heads * pick(4, 5, 12),
    intermediateSize: 4 * (8 + random.integer(40)),
  });
  if (!attends(named)) throw new Error(`expected a model that attends, found ${architecture}`);
  const config: DecoderConfig = {
    ...named,
    ...{ heads, headSize, keyHeads: pick(...[1, 2, heads].filter((count) => heads % count === 0)) },
    projections,
    attentionBias: !isBitNet && pick(true, false),
    mlpBias: architecture === 'llama' && pick(true, false),
    tieWordEmbeddings: pick(true, false),
    maxPositionEmbeddings: context,
    rope: isBitNet ? named.rope : randomRope(pick(100, 10_000, 1_000_000), headSize, random),
  };
  return config;
}

function randomRope(theta: number, headSize: number, random: SeededRandom): Rope {
  const factor = 2 + random.integer(7);
  const factors = Array.from({ length: headSize / 2 }, () => 1 + random.uniform() * factor);
  const ropes: readonly Rope[] = [
    { type: 'default', theta },
    { type: 'linear', theta, factor },
    { type: 'dynamic', theta, factor },
    { type: 'llama3', theta, factor, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalLength: 32 },
    {
      ...{ type: 'yarn', theta, factor, magnitude: 0.1 * Math.log(factor) + 1, betaFast: 32, betaSlow: 1 },
      ...{ originalLength: 32, truncate: random.integer(2) === 1 },
    },
    { type: 'factors', theta, factors, magnitude: 1 + random.uniform() / 4 },
  ];
  return ropes[random.integer(ropes.length)]!;
}

/** Norms around 1, matrices of N(0, 1 / inputs), embeddings of N(0, 1): logits of a few units. */
function randomEntry({ name, shape, role, init }: ParameterSpec, random: SeededRandom): TensorEntry {
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  const isNorm = 'constant' in init && init.constant === 1;
  const isMatrix = role === 'matrix' || role === 'ternary';
  random.fillNormal(values, role === 'vector' ? 0.3 : isMatrix ? 1 / Math.sqrt(shape[1]!) : 1);
  if (isNorm) for (let i = 0; i < values.length; i++) values[i]! += 1;
  return { name, dtype: 'F32', shape, chunks: () => [bytesOf(values)] };
}

/** The same packed model as Hugging Face's class `bitlinear` stores it: scales of 1 / mean |w|, which divide. */
async function divideByScales(folder: string): Promise<void> {
  const path = join(folder, 'model.safetensors');
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
  if (config.quantization_config.linear_class === 'bitlinear') return; // as models with biases are written
  const file = await SafetensorsFile.open(path);
  const entries: TensorEntry[] = [];
  for (const [name, { dtype, shape }] of file.tensors) {
    const bytes = (await file.read(name)).slice();
    if (name.endsWith('.weight_scale')) {
      const scale = new Float32Array(bytes.buffer);
      scale[0] = 1 / scale[0]!;
    }
    entries.push({ name, dtype, shape, chunks: () => [bytes] });
  }
  await file.close();
  await writeSafetensors(path, entries, { format: 'pt' });
  config.quantization_config.linear_class = 'bitlinear';
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
}
