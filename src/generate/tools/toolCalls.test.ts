import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseToolCalls, ToolCallStream } from './toolCalls.ts';

const isTool = (name: string) => name === 'clock' || name === 'add';
const clock = { name: 'clock', arguments: '{}' };
const add = { name: 'add', arguments: '{"a":1,"b":[2,{"c":"}\\""}]}' };
const addJson = '{"a": 1, "b": [2, {"c": "}\\""}]}';

const forms: readonly [form: string, answer: string, text: string, calls: readonly object[]][] = [
  ['Hermes, Qwen 3', `<tool_call>\n{"name": "add", "arguments": ${addJson}}\n</tool_call>`, '', [add]],
  [
    'several, after a text',
    `Let me see.\n<tool_call>\n{"name": "clock", "arguments": {}}\n</tool_call>\n<tool_call>{"name":"add","arguments":${addJson}}</tool_call>`,
    'Let me see.\n',
    [clock, add],
  ],
  [
    'Falcon: a list',
    `<tool_call>\n[{"name": "clock", "arguments": {}}, {"name": "add", "arguments": ${addJson}}]\n</tool_call>`,
    '',
    [clock, add],
  ],
  ['without its end', '<tool_call>{"name": "clock", "arguments": {}}', '', [clock]],
  ['Llama 3', `{"name": "add", "parameters": ${addJson}}`, '', [add]],
  [
    'Llama 3, several',
    `{"name": "clock", "parameters": {}}; {"name": "add", "parameters": ${addJson}}`,
    '',
    [clock, add],
  ],
  ['with its type', '{"type": "function", "function": {"name": "clock", "parameters": {}}}', '', [clock]],
  ['Mistral', '[TOOL_CALLS][{"name": "clock", "arguments": {}}]', '', [clock]],
  ['Llama 3.2', `[clock(), add(a=1, b=[2, {'c': '}"'}])]`, '', [clock, add]],
  [
    'Llama 3.2, all kinds of values',
    String.raw`[ add( a = -1.5e3 , b = (True, None, "it's\n", '\x65') ), ]`,
    '',
    [{ name: 'add', arguments: JSON.stringify({ a: -1500, b: [true, null, "it's\n", 'e'] }) }],
  ],
  ['arguments as a text', '<tool_call>{"name": "clock", "arguments": "{}"}</tool_call>', '', [clock]],
];

const texts = [
  'It is 5 < 6, and [so on]. {"name": "clock"} is an object.',
  '{"name": "other", "parameters": {}}',
  '{"answer": 4}',
  '[1, 2] is a list, and [clock] and [clock(x)] are no calls.',
  '[clock(',
  '[clock(), other()]',
  "[clock(a='x)]",
  '<tool_call>not JSON</tool_call>',
  '<tool_call>{"name": "clock", "arguments": {',
  '<tool_call>{"name": "clock", "arguments": 5}</tool_call>',
  '  \n ',
  '',
];

describe('tool calls', () => {
  it.each(forms)('%s', (_, answer, text, calls) => {
    expect(parseToolCalls(answer, isTool)).toEqual({ text, calls });
  });

  it.each(texts)('leaves a text alone: %s', (text) => {
    expect(parseToolCalls(text, isTool)).toEqual({ text, calls: [] });
  });

  it('are the same however the answer is cut into pieces', () => {
    const answers = [...forms.map(([, answer]) => answer), ...texts];
    fc.assert(
      fc.property(fc.constantFrom(...answers), fc.array(fc.integer({ min: 1, max: 9 })), (answer, sizes) => {
        const stream = new ToolCallStream(isTool);
        const parts = [];
        let at = 0;
        for (const size of [...sizes, answer.length]) {
          parts.push(stream.push(answer.slice(at, at + size)));
          at += size;
        }
        parts.push(stream.end());
        expect({
          text: parts.map(({ text }) => text).join(''),
          calls: parts.flatMap(({ calls }) => calls),
        }).toEqual(parseToolCalls(answer, isTool));
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  it('passes text on at once, and a call as soon as it ends', () => {
    const stream = new ToolCallStream(isTool);
    expect(stream.push('Let me ').text).toBe('Let me ');
    expect(stream.push('see <too').text).toBe('see ');
    expect(stream.push('l_call>{"name": "clock", ')).toEqual({ text: '', calls: [] });
    expect(stream.push('"arguments": {}}</tool_call>')).toEqual({ text: '', calls: [clock] });
  });
});
