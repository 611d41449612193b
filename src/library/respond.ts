/** Answers with tools: the model calls functions, reads what they return, and continues until it answers. */
import { InputError } from '../errors.ts';
import type { ChatMessage } from '../generate/chatTemplate.ts';
import type { GenerateOptions } from '../generate/generate.ts';
import { type ParsedAnswer, type ToolCall, ToolCallStream } from '../generate/tools/toolCalls.ts';
import { argumentsOf, checkTools, type ToolDefinition } from '../generate/tools/tools.ts';
import { expectFunctions, expectObject } from '../given.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';
import { type Completion, collecting } from './completion.ts';
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

/** Functions by name. */
export type Tools = Readonly<Record<string, Tool>>;

/** Options of `respond`: those of `complete`, and the tools. */
export interface RespondOptions extends Omit<GenerateOptions, 'responseFormat'> {
  tools: Tools;
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

type Generate = (messages: readonly ChatMessage[], options: PromptOptions) => AsyncGenerator<string>;

/**
 * Runs the loop: yields the text of each answer as it comes, without calls, and returns the last answer; undefined if it
 * was aborted.
 * @throws InputError if a tool is wrong, or the model still calls tools after `maxSteps` answers
 */
export async function* responding(
  generate: Generate,
  tokenizer: TextTokenizer,
  given: readonly ChatMessage[],
  { tools, toolChoice = 'auto', maxSteps = 8, ...options }: RespondOptions,
): AsyncGenerator<string, ToolResponse | undefined> {
  const definitions = definitionsOf(tools);
  if (toolChoice !== 'auto' && toolChoice !== 'required')
    throw new InputError(`toolChoice: found ${JSON.stringify(toolChoice)}, expected auto or required`);
  if (!Number.isSafeInteger(maxSteps) || maxSteps < 1)
    throw new InputError(`maxSteps: found ${maxSteps}, expected an integer of 1 or more`);
  const messages = [...given];
  const runs: ToolRun[] = [];
  for (let step = 0; step < maxSteps; step++) {
    const mustCall = toolChoice === 'required' && step === 0;
    const form = mustCall && (await formOf(definitions, tokenizer));
    const asked = { ...options, tools: definitions, ...(form && { responseFormat: form }) };
    const pieces = collecting((hooked) => generate(messages, hooked), asked);
    const { answer, text, calls } = yield* dividing(pieces, (name) => Object.hasOwn(tools, name));
    if (!answer) return undefined;
    messages.push({
      role: 'assistant',
      content: text,
      ...(calls.length > 0 && { tool_calls: calls.map(callOf) }),
    });
    if (calls.length === 0) return { ...answer, text, calls: runs, messages };
    for (const [index, call] of calls.entries()) {
      if (options.signal?.aborted) return undefined;
      const result = await resultOf(tools[call.name]!, call);
      runs.push({ ...call, result });
      messages.push({ role: 'tool', content: result, tool_call_id: idOf(index) });
    }
  }
  throw new InputError(
    `maxSteps: the model still calls tools after ${maxSteps} answers; allow more, or fewer tools`,
  );
}

/** Divides an answer into text, which it yields as it comes, and calls. */
async function* dividing(
  pieces: AsyncGenerator<string, Completion | undefined>,
  isTool: (name: string) => boolean,
): AsyncGenerator<string, ParsedAnswer & { readonly answer: Completion | undefined }> {
  const parts = new ToolCallStream(isTool);
  const calls: ToolCall[] = [];
  let text = '';
  try {
    for (;;) {
      const next = await pieces.next();
      const part = next.done ? parts.end() : parts.push(next.value);
      calls.push(...part.calls);
      text += part.text;
      if (part.text !== '') yield part.text;
      if (next.done) return { answer: next.value, text, calls };
    }
  } finally {
    await pieces.return(undefined as never); // also if the caller leaves its loop
  }
}

/** @throws InputError if there is no tool, or one is wrong */
export function definitionsOf(tools: Tools): ToolDefinition[] {
  expectObject('tools', tools);
  const definitions = Object.entries(tools).map(([name, tool]): ToolDefinition => {
    expectObject(`tools.${name}`, tool);
    const { description, parameters, run } = tool;
    if (run === undefined) throw new InputError(`tools.${name}.run: found none, expected a function`);
    expectFunctions({ [`tools.${name}.run`]: run });
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

/** The grammar of calls, which is loaded when one is asked for. */
async function formOf(tools: readonly ToolDefinition[], tokenizer: TextTokenizer) {
  const { requiredCalls } = await import('../generate/tools/toolGrammar.ts');
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
