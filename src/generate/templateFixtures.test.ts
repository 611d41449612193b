/** Chat templates against jinja2 as transformers sets it up: scripts/reference/chatTemplateFixtures.py wrote its results. */
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { byteLevelTokenizer } from '../text/testing.ts';
import { TextTokenizer } from '../text/tokenizer.ts';
import { chatFormatOf } from './chatFormat.ts';
import { type ChatMessage, renderChat } from './chatTemplate.ts';
import { strftime } from './strftime.ts';

interface Case {
  template: string;
  talk: string;
  prompt: boolean;
  expected: string | { error: string };
}

const file = new URL('../../test/fixtures/chatTemplates.json', import.meta.url);
const { talks, cases } = JSON.parse(await readFile(file, 'utf8')) as {
  talks: Record<string, ChatMessage[]>;
  cases: Case[];
};

const specials = ['<s>', '</s>'];
const tokenizerWith = (chatTemplate: string) => ({
  chatTemplate,
  bosTokenId: 0,
  eosTokenId: 1,
  token: (id: number | undefined) => (id === undefined ? undefined : specials[id]),
  config: { unk_token: '<unk>', pad_token: { content: '<pad>' } },
});

function rendered({ template, talk, prompt }: Case): string | undefined {
  try {
    return renderChat(tokenizerWith(template), talks[talk]!, { addGenerationPrompt: prompt });
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return undefined;
  }
}

it('renders as jinja2 does, or refuses: no template differs silently', () => {
  const results = cases.map((one) => ({ one, found: rendered(one) }));
  const differing = results.filter(({ one, found }) => found !== undefined && found !== one.expected);
  expect(differing).toEqual([]);
  const equal = results.filter(({ found }) => found !== undefined).length;
  expect(equal).toBeGreaterThanOrEqual(255);
});

it.each([
  '{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}',
  '{% for i in range(1000000000) %}{% endfor %}',
  "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
  '{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}',
  "{% for i in range(99999) %}{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' | indent(1000, true) }}{% endfor %}",
])('ends hostile templates: %s', (template) => {
  const messages = talks.one!;
  expect(() => renderChat(tokenizerWith(template), messages)).toThrow(InputError);
});

it.each([
  "{% if messages[0].role != 'system' %}{{ raise_exception('no system') }}{% endif %}",
  "{% if messages[-1].role != 'user' %}{{ raise_exception('last must be user') }}{% endif %}",
])('works with a template that is strict: %s', async (check) => {
  const body = '{% for m in messages %}<|user|>{{ m.content }}<|end|>{% endfor %}';
  const { json, config } = await byteLevelTokenizer();
  const format = chatFormatOf(TextTokenizer.fromJson(json, { ...config, chat_template: check + body }));
  expect(format.stop).toEqual(['<|end|>']);
  expect(format.encode([{ role: 'system', content: 'x' }, ...talks.one!]).at(-1)).toBe(2);
});

it('writes times as Python does', () => {
  const date = new Date(2026, 6, 4, 15, 5, 9);
  expect(strftime('%d %b %Y %B %A %H:%M:%S %I %p %y %%', date)).toBe(
    '04 Jul 2026 July Saturday 15:05:09 03 PM 26 %',
  );
  expect(() => strftime('%Q', date)).toThrow(/directive %Q/);
});
