/** How a chat becomes text: a special token before each message says who speaks, one after it ends it. */
export const specialTokens = ['<|system|>', '<|user|>', '<|assistant|>', '<|end|>'] as const;

/**
 * Tools stand in the system message, one object of JSON a line. A call is a line of the assistant,
 * `<tool_call>{"name": …, "arguments": {…}}</tool_call>`; its result, a message of the role `tool`, comes back as
 * `<tool_response>…</tool_response>` in the place of the user. So tools need no special tokens of their own.
 */
export const chatTemplate = [
  '{{- bos_token -}}',
  '{%- set talk = messages -%}',
  '{%- if tools -%}',
  "{{- '<|system|>' -}}",
  "{%- if messages[0]['role'] == 'system' -%}",
  "{%- set talk = messages[1:] -%}{{- messages[0]['content'] | trim + '\\n' -}}",
  '{%- endif -%}',
  "{{- 'Tools:' -}}",
  '{%- for tool in tools -%}',
  "{{- '\\n' + (tool['function'] if tool['function'] is defined else tool) | tojson -}}",
  '{%- endfor -%}',
  "{{- '<|end|>' -}}",
  '{%- endif -%}',
  '{%- for message in talk -%}',
  "{%- if message['role'] == 'tool' -%}",
  "{{- '<|user|><tool_response>' + message['content'] | trim + '</tool_response><|end|>' -}}",
  "{%- elif message['role'] in ['system', 'user', 'assistant'] -%}",
  "{{- '<|' + message['role'] + '|>' + message['content'] | trim -}}",
  "{%- for call in message['tool_calls'] or [] -%}",
  "{{- '<tool_call>{\"name\": ' + call['function']['name'] | tojson -}}",
  "{{- ', \"arguments\": ' + call['function']['arguments'] | tojson + '}</tool_call>' -}}",
  '{%- endfor -%}',
  "{{- '<|end|>' -}}",
  '{%- else -%}',
  "{{- raise_exception('role: found ' + message['role'] + ', expected system, user, assistant or tool') -}}",
  '{%- endif -%}',
  '{%- endfor -%}',
  "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}",
].join('\n');
