/** Answers with tools: the model calls functions, reads what they return, and continues until it answers. */
import { InputError } from '../errors.ts';
import type { ChatMessage } from '../generate/chatTemplate.ts';
import type { GenerateOptions } from '../generate/generate.ts';
import { parseToolCalls, type ToolCall } from '../generate/tools/toolCalls.ts';
import { requiredCalls } from '../generate/tools/toolGrammar.ts';
import { argumentsOf, checkTools, type ToolDefinition } from '../generate/tools/tools.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';
import type { Completion } from './completion.ts';
import { type AnySchema, isStandardSchema, jsonSchemaOf } from './jsonSchemaOf.ts';
import type { PromptOptions } from './prompt.ts';

/** A function that the model may call. */
export interface Tool {
  readonly description?: string | undefined;
  /** Of its arguments, an object: a JSON schema, or one of zod, valibot and other libraries that give JSON schemas. */
  readonly parameters?: AnySchema | undefined;
  /** What it returns is told to the model, as JSON if it is not text. An error is told too. */
  run(args: never): unknown;
}

/** Options of `respond`: those of `complete`, and the tools. */
export interface RespondOptions extends Omit<GenerateOptions, 'responseFormat'> {
  /** Functions by name. */
  tools: Readonly<Record<string, Tool>>;
  /** Calls as the model sees fit (`auto`, the default), or at least one before it answers (`required`). */
  toolChoice?: 'auto' | 'required' | undefined;
  /** Max answers of the model, those with calls included. Default 8. */
  maxSteps?: number | undefined;
}

/** A call that was made. */
export interface ToolRun extends ToolCall {
  /** What the model was told. */
  readonly result: string;
}

/** An answer, with the calls that led to it. */
export interface ToolResponse extends Completion {
  readonly calls: readonly ToolRun[];
  /** The given messages, and those of the assistant and the tools after them. */
  readonly messages: readonly ChatMessage[];
}

type Complete = (messages: readonly ChatMessage[], options: PromptOptions) => Promise<Completion>;

/**
 * Runs the loop.
 * @throws InputError if a tool is wrong, or the model still calls tools after `maxSteps` answers
 */
export async function respond(
  complete: Complete,
  tokenizer: TextTokenizer,
  given: readonly ChatMessage[],
  { tools, toolChoice = 'auto', maxSteps = 8, ...options }: RespondOptions,
): Promise<ToolResponse> {
  const definitions = definitionsOf(tools);
  if (!Number.isSafeInteger(maxSteps) || maxSteps < 1)
    throw new InputError(`maxSteps: found ${maxSteps}, expected an integer of 1 or more`);
  const messages = [...given];
  const runs: ToolRun[] = [];
  for (let step = 0; step < maxSteps; step++) {
    const mustCall = toolChoice === 'required' && step === 0;
    const form = mustCall && formOf(definitions, tokenizer);
    const answer = await complete(messages, {
      ...{ ...options, tools: definitions },
      ...(form && { responseFormat: form }),
    });
    const { text, calls } = parseToolCalls(answer.text, (name) => Object.hasOwn(tools, name));
    messages.push({
      role: 'assistant',
      content: text,
      ...(calls.length > 0 && { tool_calls: calls.map(callOf) }),
    });
    if (calls.length === 0) return { ...answer, text, calls: runs, messages };
    for (const [index, call] of calls.entries()) {
      options.signal?.throwIfAborted();
      const result = await resultOf(tools[call.name]!, call);
      runs.push({ ...call, result });
      messages.push({ role: 'tool', content: result, tool_call_id: idOf(index) });
    }
  }
  throw new InputError(
    `maxSteps: the model still calls tools after ${maxSteps} answers; allow more, or fewer tools`,
  );
}

function definitionsOf(tools: Readonly<Record<string, Omit<Tool, 'run'>>>): ToolDefinition[] {
  const definitions = Object.entries(tools).map(([name, { description, parameters }]): ToolDefinition => {
    const schema = parameters && jsonSchemaOf(parameters, `tools.${name}.parameters`);
    return {
      type: 'function',
      function: { name, ...(description && { description }), ...(schema && { parameters: schema }) },
    };
  });
  if (definitions.length === 0) throw new InputError('tools: found none, expected at least one');
  checkTools(definitions);
  return definitions;
}

function formOf(tools: readonly ToolDefinition[], tokenizer: TextTokenizer) {
  return requiredCalls({ tools, parallel: false, template: tokenizer.chatTemplate }, tokenizer);
}

const idOf = (index: number) => `call_${index}`;

function callOf({ name, arguments: args }: ToolCall, index: number) {
  return { id: idOf(index), type: 'function' as const, function: { name, arguments: argumentsOf(args) } };
}

/** Errors are told to the model, which may call again with other arguments. */
async function resultOf({ parameters, run }: Tool, call: ToolCall): Promise<string> {
  try {
    let args: unknown = JSON.parse(call.arguments);
    if (parameters && isStandardSchema(parameters)) {
      const checked = await parameters['~standard'].validate(args);
      if (checked.issues) return `Error: ${checked.issues.map(({ message }) => message).join('; ')}`;
      args = checked.value;
    }
    const result = await run(args as never);
    return typeof result === 'string' ? result : (JSON.stringify(result) ?? 'null');
  } catch (error) {
    return `Error: ${error instanceof Error ? error.message : String(error)}`;
  }
}
