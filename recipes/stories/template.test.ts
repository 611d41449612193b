/** The chat's template: what the model is told of tools, how it calls them, and how results come back. */
import { expect, it } from 'vitest';
import { type ChatMessage, renderChat } from '../../src/generate/chatTemplate.ts';
import { chatTemplate } from './template.ts';

const tokenizer = {
  ...{ chatTemplate, bosTokenId: 0, eosTokenId: 0, config: {} },
  token: (id: number | undefined) => (id === 0 ? '<|endoftext|>' : undefined),
};
const parameters = { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] };
const add = { name: 'add', description: 'Adds.', parameters };
const described = `Tools:\n${JSON.stringify(add).replaceAll(':', ': ').replaceAll(',', ', ')}<|end|>`;
const render = (messages: object[], variables = {}) =>
  renderChat(tokenizer, messages as ChatMessage[], { variables });
const user = { role: 'user', content: ' Hi ' };

it('without tools it is unchanged', () => {
  expect(render([user, { role: 'assistant', content: 'Ho' }, user])).toBe(
    '<|endoftext|><|user|>Hi<|end|><|assistant|>Ho<|end|><|user|>Hi<|end|><|assistant|>',
  );
  expect(() => render([{ role: 'critic', content: '' }])).toThrow(/found critic, expected system, user/);
});

it('tools stand in the system message, calls in the answer, results in the place of the user', () => {
  const call = { type: 'function', function: { name: 'add', arguments: { a: 1.5, b: ['x'] } } };
  const tools = [{ type: 'function', function: add }];
  const begun = `<|endoftext|><|system|>${described}<|user|>Hi<|end|><|assistant|>`;
  expect(render([user], { tools })).toBe(begun);
  expect(render([user], { tools: [add] })).toBe(begun);
  const talk = [
    user,
    { role: 'assistant', content: '', tool_calls: [call, call] },
    { role: 'tool', content: '3' },
  ];
  const written = '<tool_call>{"name": "add", "arguments": {"a": 1.5, "b": ["x"]}}</tool_call>';
  expect(render(talk, { tools })).toBe(
    `${begun}${written}${written}<|end|><|user|><tool_response>3</tool_response><|end|><|assistant|>`,
  );
  expect(render([{ role: 'system', content: 'Be brief.\n' }, user], { tools })).toBe(
    `<|endoftext|><|system|>Be brief.\n${described}<|user|>Hi<|end|><|assistant|>`,
  );
});
