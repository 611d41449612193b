/**
 * Transformer++, the baseline of Zhu et al. (2024): Llama. Pre-norm blocks of rotary causal attention with grouped
 * keys and values (Ainslie et al. 2023) and a gated unit. Qwen 3 (2025) is the same with norms of queries and keys.
 */
import { add } from '../ops/add/add.ts';
import { gatedUnit } from '../ops/gatedUnit/gatedUnit.ts';
import type { AttentionConfig } from './config.ts';
import { attend, type DecoderBlock, decoderLayer } from './decoder.ts';

/** x + W_o Attention(W_q a, W_k a, W_v a) with a = RMSNorm(x), then x + W_down (act(W_gate b) ⊙ W_up b) */
export function transformerBlock({ activation }: AttentionConfig): DecoderBlock {
  return (x, layer, context) => {
    const { norm, project } = decoderLayer(layer, context);
    const a = norm('input_layernorm', x);
    const [q, k, v] = [project('self_attn.q', a), project('self_attn.k', a), project('self_attn.v', a)];
    const y = add(x, project('self_attn.o', attend({ q, k, v }, layer, context)));
    const b = norm('post_attention_layernorm', y);
    const gated = gatedUnit(project('mlp.gate', b), project('mlp.up', b), activation);
    return add(y, project('mlp.down', gated));
  };
}
