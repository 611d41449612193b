/** Tools as chat templates take them, and as text for templates that know none. */
import { InputError } from '../../errors.ts';
import { expectList, expectObject } from '../../given.ts';
import type { ChatMessage } from '../../text/corpus.ts';
import { isObject } from '../../text/tokenizerJson.ts';

/** A function that the model may call. */
export interface ToolDefinition {
  readonly type: 'function';
  readonly function: {
    readonly name: string;
    readonly description?: string | undefined;
    /** A JSON schema of an object. */
    readonly parameters?: object | undefined;
  };
}

const maxTools = 128;
/** Levels of a definition or of arguments. */
const maxDepth = 64;

/** @throws InputError naming the tool that is wrong */
export function checkTools(tools: readonly ToolDefinition[]): void {
  expectList('tools', tools, 'tools');
  if (tools.length > maxTools)
    throw new InputError(`tools: found ${tools.length}, expected at most ${maxTools}`);
  const names = new Set<string>();
  for (const [index, definition] of tools.entries()) {
    expectObject(`tools[${index}]`, definition);
    const { function: tool } = definition;
    const where = `tools[${index}].function`;
    expectObject(where, tool);
    if (!/^[\w.-]{1,64}$/.test(tool.name))
      throw new InputError(
        `${where}.name: found ${JSON.stringify(tool.name)?.slice(0, 80)}, expected 1 to 64 letters, digits, "_", "-" and "."`,
      );
    if (names.has(tool.name)) throw new InputError(`${where}.name: found "${tool.name}" twice`);
    names.add(tool.name);
    if (isDeeperThan(tool.parameters, maxDepth))
      throw new InputError(`${where}.parameters: it is nested more than ${maxDepth} deep`);
  }
}

/** Arguments as an object, which templates expect; as they are if they are none. */
export function argumentsOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) && !isDeeperThan(value, maxDepth) ? value : text;
  } catch {
    return text;
  }
}

function isDeeperThan(value: unknown, depth: number): boolean {
  let level: unknown[] = [value];
  for (let at = 0; at <= depth; at++) {
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []));
    if (level.length === 0) return false;
  }
  return true;
}

/** Whether a chat template describes tools itself. */
export function knowsTools(template: string | undefined): boolean {
  return template !== undefined && /\btools\b/.test(template);
}

/**
 * The messages with the tools in the system message, calls and results in texts, in the form that Hermes models learned
 * and that `parseToolCalls` reads.
 */
export function toolsAsText(
  messages: readonly ChatMessage[],
  tools: readonly ToolDefinition[],
): ChatMessage[] {
  const told = messages.map(asText);
  if (tools.length === 0) return told;
  const list = tools.map((tool) => JSON.stringify(tool.function)).join('\n');
  const how = 'To call a tool, answer <tool_call>{"name": …, "arguments": {…}}</tool_call>.';
  const description = `Tools:\n${list}\n${how}`;
  const [first, ...rest] = told;
  return first?.role === 'system'
    ? [{ ...first, content: `${first.content}\n${description}` }, ...rest]
    : [{ role: 'system', content: description }, ...told];
}

function asText({ role, content, tool_calls = [] }: ChatMessage): ChatMessage {
  if (role === 'tool') return { role: 'user', content: `<tool_response>${content}</tool_response>` };
  const calls = tool_calls.map(({ function: { name, arguments: given } }) => {
    const args = typeof given === 'string' ? given : JSON.stringify(given);
    return `<tool_call>{"name": ${JSON.stringify(name)}, "arguments": ${args}}</tool_call>`;
  });
  return { role, content: [content, ...calls].filter((part) => part !== '').join('\n') };
}
