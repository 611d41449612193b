/** Tools and messages of the AI SDK, as the library has them. */
import { InputError } from '../errors.ts';
import type { ChatMessage } from '../generate/chatTemplate.ts';
import type { ToolCall } from '../generate/tools/toolCalls.ts';
import { requiredCalls } from '../generate/tools/toolGrammar.ts';
import type { ToolDefinition } from '../generate/tools/tools.ts';
import type { LanguageModel } from '../languageModel.ts';

export interface AiTool {
  readonly type: string;
  readonly name?: string;
  readonly description?: string | undefined;
  readonly inputSchema?: object | undefined;
}

export interface AiToolCall {
  readonly type: 'tool-call';
  readonly toolCallId: string;
  readonly toolName: string;
  /** JSON. */
  readonly input: string;
}

export interface PromptMessage {
  readonly role: string;
  readonly content: string | readonly PromptPart[];
}

interface PromptPart {
  readonly type: string;
  readonly text?: unknown;
  readonly toolCallId?: string;
  readonly toolName?: string;
  readonly input?: unknown;
  readonly output?: { readonly type: string; readonly value?: unknown; readonly reason?: string };
}

interface Asked {
  readonly tools?: readonly AiTool[] | undefined;
  readonly toolChoice?: { readonly type: string; readonly toolName?: string | undefined } | undefined;
}

/** The functions that the model is told of. */
export function toolsOf({ tools = [], toolChoice }: Asked): ToolDefinition[] {
  if (toolChoice?.type === 'none') return [];
  return tools.flatMap(({ type, name, description, inputSchema }) =>
    type === 'function' && name
      ? [
          {
            ...{ type: 'function' as const },
            function: {
              name,
              ...(description && { description }),
              ...(inputSchema && { parameters: inputSchema }),
            },
          },
        ]
      : [],
  );
}

export function toolNamed(asked: Asked): (name: string) => boolean {
  const names = new Set(toolsOf(asked).map((tool) => tool.function.name));
  return (name) => names.has(name);
}

/** The form of an answer that must call tools; undefined if it need not. */
export function callsOf(
  { toolChoice }: Asked,
  tools: readonly ToolDefinition[],
  { tokenizer }: LanguageModel,
) {
  const type = toolChoice?.type ?? 'auto';
  if ((type !== 'required' && type !== 'tool') || !tokenizer) return undefined;
  const callable = tools.filter((tool) => type === 'required' || tool.function.name === toolChoice?.toolName);
  if (callable.length === 0)
    throw new InputError(`toolChoice: found ${toolChoice?.toolName ?? type}, expected a tool`);
  return requiredCalls({ tools: callable, parallel: false, template: tokenizer.chatTemplate }, tokenizer);
}

export function aiCall({ name, arguments: input }: ToolCall): AiToolCall {
  return { type: 'tool-call', toolCallId: `call_${crypto.randomUUID()}`, toolName: name, input };
}

/** @throws InputError for files and other content that is neither text nor a call */
export function messagesOf(prompt: readonly PromptMessage[]): ChatMessage[] {
  return prompt.flatMap(({ role, content }, index): ChatMessage[] => {
    if (typeof content === 'string') return [{ role, content }];
    if (role === 'tool') return content.map(resultOf);
    const calls = content.filter(({ type }) => type === 'tool-call');
    const texts = content
      .filter(({ type }) => type !== 'tool-call' && type !== 'reasoning')
      .map(({ type, text }) => {
        if (type === 'text' && typeof text === 'string') return text;
        throw new InputError(`prompt[${index}]: found content of type "${type}", expected text only`);
      });
    const made = calls.map(({ toolCallId = '', toolName = '', input }) => ({
      ...{ id: toolCallId, type: 'function' as const, function: { name: toolName, arguments: input } },
    }));
    return [{ role, content: texts.join(''), ...(made.length > 0 && { tool_calls: made }) }];
  });
}

function resultOf({ toolCallId, output }: PromptPart): ChatMessage {
  const { value = output?.reason ?? '' } = output ?? {};
  const content = typeof value === 'string' ? value : JSON.stringify(value);
  return { role: 'tool', content, ...(toolCallId && { tool_call_id: toolCallId }) };
}
