/**
 * BitNet b1.58 (Ma et al. 2024), as `microsoft/bitnet-b1.58-2B-4T` is published: Llama's block with ternary
 * projections, a norm before each projection that writes to the residual stream, and a squared ReLU as gate.
 */
import { add } from '../ops/add/add.ts';
import { gatedUnit } from '../ops/gatedUnit/gatedUnit.ts';
import type { BitNetConfig } from './config.ts';
import { attend, type DecoderBlock, decoderLayer } from './decoder.ts';

/** x + W_o Norm(Attention(W_q a, W_k a, W_v a)) with a = RMSNorm(x), then x + W_down Norm(act(W_gate b) ⊙ W_up b) */
export function bitNetBlock({ activation }: BitNetConfig): DecoderBlock {
  return (x, layer, context) => {
    const { norm, project } = decoderLayer(layer, context);
    const a = norm('input_layernorm', x);
    const [q, k, v] = [project('self_attn.q', a), project('self_attn.k', a), project('self_attn.v', a)];
    const gathered = attend({ q, k, v }, layer, context);
    const y = add(x, project('self_attn.o', norm('self_attn.attn_sub_norm', gathered)));
    const b = norm('post_attention_layernorm', y);
    const gated = gatedUnit(project('mlp.gate', b), project('mlp.up', b), activation);
    return add(y, project('mlp.down', norm('mlp.ffn_sub_norm', gated)));
  };
}
