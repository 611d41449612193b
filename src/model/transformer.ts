/**
 * Transformer++, the baseline of Zhu et al. (2024): Llama. Pre-norm blocks of rotary causal attention with grouped
 * keys and values (Ainslie et al. 2023) and a gated unit; dense float matrices, no biases.
 */
import { add } from '../ops/add/add.ts';
import { gatedUnit } from '../ops/gatedUnit/gatedUnit.ts';
import { linear } from '../ops/linear/linear.ts';
import { rmsNorm } from '../ops/rmsNorm/rmsNorm.ts';
import type { Tensor } from '../program/tensor.ts';
import type { TransformerConfig } from './config.ts';
import { attend, type DecoderBlock } from './decoder.ts';

/** x + W_o Attention(W_q a, W_k a, W_v a) with a = RMSNorm(x), then x + W_down (act(W_gate b) ⊙ W_up b) */
export function transformerBlock({ rmsNormEps, activation }: TransformerConfig): DecoderBlock {
  return (x, layer, context) => {
    const { weights } = context;
    const prefix = `model.layers.${layer}`;
    const norm = (name: string, x: Tensor) => rmsNorm(x, weights.get(`${prefix}.${name}.weight`), rmsNormEps);
    const project = (name: string, x: Tensor) => linear(x, weights.get(`${prefix}.${name}_proj.weight`));
    const a = norm('input_layernorm', x);
    const [q, k, v] = [project('self_attn.q', a), project('self_attn.k', a), project('self_attn.v', a)];
    const gathered = attend({ q, k, v }, layer, context);
    const y = add(x, project('self_attn.o', gathered));
    const b = norm('post_attention_layernorm', y);
    const gated = gatedUnit(project('mlp.gate', b), project('mlp.up', b), activation);
    return add(y, project('mlp.down', gated));
  };
}
