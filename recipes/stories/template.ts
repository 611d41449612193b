/** How a chat becomes text: a special token before each message says who speaks, one after it ends it. */
export const specialTokens = ['<|system|>', '<|user|>', '<|assistant|>', '<|end|>'] as const;

export const chatTemplate = [
  '{{- bos_token -}}',
  '{%- for message in messages -%}',
  "{%- if message['role'] not in ['system', 'user', 'assistant'] -%}",
  "{{- raise_exception('role: found ' + message['role'] + ', expected system, user or assistant') -}}",
  '{%- endif -%}',
  "{{- '<|' + message['role'] + '|>' + message['content'] | trim + '<|end|>' -}}",
  '{%- endfor -%}',
  "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}",
].join('\n');
