import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { byteLevelTokenizer } from '../text/testing.ts';
import { TextTokenizer } from '../text/tokenizer.ts';
import { type ChatMessage, renderChat } from './chatTemplate.ts';

const TEMPLATE =
  '{{ bos_token }}{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}' +
  '{% if add_generation_prompt %}<|assistant|>{% endif %}';

async function withTemplate(template?: string): Promise<TextTokenizer> {
  const { json, config } = await byteLevelTokenizer();
  return TextTokenizer.fromJson(json, { ...config, chat_template: template ?? null });
}

const hello: ChatMessage[] = [{ role: 'user', content: 'Hi {{ bos_token }}' }];

describe('renderChat', () => {
  it('renders messages, whose text is data and no template', async () => {
    const tokenizer = await withTemplate(TEMPLATE);
    const expected = '<|endoftext|><|user|>Hi {{ bos_token }}<|end|>';
    expect(renderChat(tokenizer, hello, { addGenerationPrompt: false })).toBe(expected);
    expect(renderChat(tokenizer, hello)).toBe(`${expected}<|assistant|>`);
  });

  it('renders the template of microsoft/bitnet-b1.58-2B-4T', async () => {
    const tokenizer = await withTemplate(
      "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = message['role'] | " +
        "capitalize + ': '+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = " +
        'bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}' +
        "{{ 'Assistant: ' }}{% endif %}",
    );
    const messages = [
      { role: 'system', content: 'Be brief. ' },
      { role: 'user', content: 'Hi' },
    ];
    expect(renderChat(tokenizer, messages)).toBe(
      '<|endoftext|>System: Be brief.<|eot_id|>User: Hi<|eot_id|>Assistant: ',
    );
  });

  it('passes variables on, which cannot replace the messages', async () => {
    const tokenizer = await withTemplate('{{ mood }}{{ messages[0].role }}');
    expect(renderChat(tokenizer, hello, { variables: { mood: 'calm ', messages: [] } })).toBe('calm user');
  });

  it.each([
    [undefined, /chat_template: found none/],
    ['{% if %}', /chat_template: /],
    ['{{ raise_exception("roles must alternate") }}', /chat_template: .*roles must alternate/],
    ['{{ messages | nosuchfilter }}', /chat_template: /],
  ])('explains what is wrong with the template %s', async (template, message) => {
    const tokenizer = await withTemplate(template);
    expect(() => renderChat(tokenizer, hello)).toThrow(InputError);
    expect(() => renderChat(tokenizer, hello)).toThrow(message);
  });

  it.each([
    [[], /messages: found none/],
    [[{ role: 'user' }], /messages\[0\].content: found undefined, expected a text/],
    [[{ role: 1, content: '' }], /messages\[0\].role: found 1/],
    [[null], /messages\[0\].role/],
  ])('refuses the messages %j', async (messages, message) => {
    const tokenizer = await withTemplate(TEMPLATE);
    expect(() => renderChat(tokenizer, messages as ChatMessage[])).toThrow(message);
  });
});
