/** The parameters of Transformer++, BitNet and Qwen 3. */
import type { DecoderConfig } from './config.ts';
import { deviations, type ParameterSpec } from './parameters.ts';

/** The table of embeddings, and the head of models that tie the two. */
export const embeddingModule = 'model.embed_tokens';

type Init = ParameterSpec['init'];

/** Every parameter under its Hugging Face name. */
export function decoderParameters(config: DecoderConfig): ParameterSpec[] {
  const { vocabSize: V, hiddenSize: H, layers: L } = config;
  const { normal } = deviations(config);
  return [
    { name: `${embeddingModule}.weight`, shape: [V, H], role: 'embedding', init: normal },
    ...Array.from({ length: L }, (_, i) => layerParameters(config, `model.layers.${i}`)).flat(),
    norm('model.norm', H),
    ...(config.tieWordEmbeddings ? [] : projection(config, 'lm_head', [V, H], normal)),
  ];
}

function layerParameters(config: DecoderConfig, prefix: string): ParameterSpec[] {
  const { hiddenSize: H, intermediateSize: I, headSize, attentionBias, mlpBias } = config;
  const [Q, K] = [config.heads * headSize, config.keyHeads * headSize];
  const { normal, residual } = deviations(config);
  const subNorm = (name: string, width: number) =>
    config.modelType === 'bitnet' ? [norm(`${prefix}.${name}`, width)] : [];
  const attention = (name: string, shape: readonly [number, number], init: Init) =>
    projection(config, `${prefix}.self_attn.${name}_proj`, shape, init, attentionBias);
  const mlp = (name: string, shape: readonly [number, number], init: Init) =>
    projection(config, `${prefix}.mlp.${name}_proj`, shape, init, mlpBias);
  return [
    norm(`${prefix}.input_layernorm`, H),
    ...attention('q', [Q, H], normal),
    ...attention('k', [K, H], normal),
    ...attention('v', [K, H], normal),
    ...(config.queryKeyNorm
      ? ['q', 'k'].map((name) => norm(`${prefix}.self_attn.${name}_norm`, headSize))
      : []),
    ...subNorm('self_attn.attn_sub_norm', Q),
    ...attention('o', [H, Q], residual),
    norm(`${prefix}.post_attention_layernorm`, H),
    ...mlp('gate', [I, H], normal),
    ...mlp('up', [I, H], normal),
    ...subNorm('mlp.ffn_sub_norm', I),
    ...mlp('down', [H, I], residual),
  ];
}

function norm(name: string, width: number): ParameterSpec {
  return { name: `${name}.weight`, shape: [width], role: 'vector', init: { constant: 1 } };
}

/** A matrix, ternary or dense, with its bias and the norm of its input, as far as the model has them. */
function projection(
  { projections }: DecoderConfig,
  prefix: string,
  shape: readonly [out: number, width: number],
  init: Init,
  hasBias = false,
): ParameterSpec[] {
  const isTernary = projections.kind === 'ternary' && !isException(prefix, projections.exceptions);
  const hasNorm = isTernary && projections.normEpsilon !== null;
  const [out, width] = shape;
  return [
    // Hugging Face's layer has these weights; checkpoints that were written before it had them do not.
    ...(hasNorm ? [{ ...norm(`${prefix}.rms_norm`, width), optional: true }] : []),
    { name: `${prefix}.weight`, shape, role: isTernary ? 'ternary' : 'matrix', init },
    ...(hasBias
      ? [{ name: `${prefix}.bias`, shape: [out], role: 'vector', init: { constant: 0 } } as const]
      : []),
  ];
}

/** Whether a module is named by its name, its ending, or the module that it belongs to. */
function isException(name: string, exceptions: readonly string[]): boolean {
  return exceptions.some((one) => name.endsWith(one) || name.startsWith(`${one}.`));
}
