/** Kinds of files in a model folder. */

const tokenizerNames = new Set([
  'tokenizer.json',
  'tokenizer_config.json',
  'tokenizer.model',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
  'chat_template.json',
  'generation_config.json',
]);

/** Files for turning text into tokens, tokens into text, and a chat into a prompt. */
export function isTokenizerFile(name: string): boolean {
  return tokenizerNames.has(name);
}

/** `model.safetensors`, its shards and their index; not the `consolidated.safetensors` of other layouts. */
export function isWeightFile(name: string): boolean {
  return /^model(-\d+-of-\d+)?\.safetensors$/.test(name) || name === 'model.safetensors.index.json';
}
