/** Hugging Face's names of the tensors that GGUF files of Llama, Qwen 3 and BitNet hold. */
import { InputError } from '../../errors.ts';
import { show } from '../../json.ts';

const whole: Readonly<Record<string, string>> = {
  'token_embd.weight': 'model.embed_tokens.weight',
  'output_norm.weight': 'model.norm.weight',
  'output.weight': 'lm_head.weight',
};

const ofLayer: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  attn_sub_norm: 'self_attn.attn_sub_norm',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
  ffn_sub_norm: 'mlp.ffn_sub_norm',
};

/** Factors of the rotary frequencies, which belong to the configuration. */
export const frequencyFactors = 'rope_freqs.weight';

/** @throws InputError for a tensor that these architectures do not have */
export function huggingFaceName(name: string, path: string): string {
  if (Object.hasOwn(whole, name)) return whole[name]!;
  const [, layer, part = '', kind] = /^blk\.(\d+)\.(\w+)\.(weight|bias)$/.exec(name) ?? [];
  if (Object.hasOwn(ofLayer, part)) return `model.layers.${layer}.${ofLayer[part]}.${kind}`;
  throw new InputError(`${path}: tensor ${show(name)}: no supported architecture has it`);
}

/** Whether the rows of this tensor, in a file of the architecture `llama`, are ordered in pairs that rotate. */
export function isRotated(name: string): boolean {
  return /^blk\.\d+\.attn_[qk]\.(weight|bias)$/.test(name);
}

/** The name in GGUF of a Hugging Face tensor; the inverse of `huggingFaceName`. */
export function ggufName(name: string): string {
  const [plain] = Object.entries(whole).find(([, hugging]) => hugging === name) ?? [];
  if (plain !== undefined) return plain;
  const [, layer, module, kind] = /^model\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name) ?? [];
  const [part] = Object.entries(ofLayer).find(([, hugging]) => hugging === module) ?? [];
  if (part === undefined) throw new Error(`GGUF has no name for the tensor ${name}`);
  return `blk.${layer}.${part}.${kind}`;
}
