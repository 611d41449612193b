/** The most probable next tokens. */
import type { TextTokenizer } from '../../../src/text/tokenizer.ts';
import type { Candidate } from './protocol.ts';

export function likeliest(logits: Float32Array, tokenizer: TextTokenizer, count: number): Candidate[] {
  const max = logits.reduce((a, b) => Math.max(a, b));
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - max), 0);
  const best: number[] = [];
  for (let id = 0; id < logits.length; id++) {
    const at = best.findIndex((other) => logits[id]! > logits[other]!);
    if (at >= 0) best.splice(at, 0, id);
    else if (best.length < count) best.push(id);
    best.length = Math.min(best.length, count);
  }
  return best.map((id) => ({
    text: tokenizer.decode([id], { skipSpecialTokens: false }),
    probability: Math.exp(logits[id]! - max) / sum,
  }));
}
