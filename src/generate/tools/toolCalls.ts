/**
 * Calls of functions in what a model writes. The forms, as chat templates teach them:
 *
 *     <tool_call>{"name": …, "arguments": {…}}</tool_call>     Qwen, Hermes, the bundled chat model; Falcon also a list
 *     {"name": …, "parameters": {…}}                           Llama 3; several, divided by ";" or line breaks
 *     [TOOL_CALLS][{"name": …, "arguments": {…}}]              Mistral
 *     [clock(), add(a=1, b='x')]                               Llama 3.2 and 4
 *
 * What begins like a call and is none, or names no function, is text.
 */
import { isObject } from '../../text/tokenizerJson.ts';
import { jsonValueEnd } from './jsonValueEnd.ts';
import { pythonicCalls } from './pythonicCalls.ts';

/** A call of a function, as a model wrote it. */
export interface ToolCall {
  readonly name: string;
  /** Text of JSON: an object. */
  readonly arguments: string;
}

export interface ParsedAnswer {
  /** The text around the calls. */
  readonly text: string;
  readonly calls: readonly ToolCall[];
}

const opening = '<tool_call>';
const closing = '</tool_call>';
const listMark = '[TOOL_CALLS]';

/**
 * Finds the calls of functions in an answer.
 * @param isTool whether there is a function of this name
 */
export function parseToolCalls(answer: string, isTool: (name: string) => boolean): ParsedAnswer {
  const stream = new ToolCallStream(isTool);
  const parts = [stream.push(answer), stream.end()];
  return { text: parts.map(({ text }) => text).join(''), calls: parts.flatMap(({ calls }) => calls) };
}

/** Parses an answer as it comes: text is passed on at once, unless a call may have begun in it. */
export class ToolCallStream {
  readonly #isTool: (name: string) => boolean;
  #waiting = '';
  /** Whether only white space came, since the beginning or a call: a bare object of JSON may then be a call. */
  #isBeginning = true;
  #called = false;

  constructor(isTool: (name: string) => boolean) {
    this.#isTool = isTool;
  }

  push(piece: string): ParsedAnswer {
    this.#waiting += piece;
    return this.#take(false);
  }

  /** What is left when the answer has ended. */
  end(): ParsedAnswer {
    return this.#take(true);
  }

  #take(ended: boolean): ParsedAnswer {
    let text = '';
    const calls: ToolCall[] = [];
    for (;;) {
      const found = this.#next(ended);
      if (!found) return { text, calls };
      this.#waiting = this.#waiting.slice(found.length);
      if (found.calls) {
        calls.push(...found.calls);
        this.#called = this.#isBeginning = true;
        continue;
      }
      // White space after a call is not text.
      const shown = this.#called && this.#isBeginning ? found.text.trimStart() : found.text;
      if (shown.trim() !== '') this.#isBeginning = false;
      text += shown;
    }
  }

  /** The next text or calls at the beginning of what waits; undefined: more must come first. */
  #next(ended: boolean): { length: number; text: string; calls?: readonly ToolCall[] } | undefined {
    const waiting = this.#waiting;
    if (waiting === '') return undefined;
    const start = this.#startOfCall(waiting);
    if (start.at > 0) return { length: start.at, text: waiting.slice(0, start.at) };
    if (this.#isBeginning && waiting.startsWith('[') && start.mark !== listMark) {
      const found = pythonicCalls(waiting, this.#isTool);
      if (found === 'more' && !ended) return undefined;
      if (found && found !== 'more') return { ...found, text: '' };
      if (!listMark.startsWith(waiting)) return { length: 1, text: '[' };
    }
    if (start.mark === undefined) return ended ? { length: waiting.length, text: waiting } : undefined;
    const from = start.mark.length + spaces(waiting, start.mark.length);
    const end = jsonValueEnd(waiting, from);
    if (end === undefined && !ended) return undefined;
    const calls = end === undefined ? undefined : this.#callsIn(waiting.slice(from, end));
    if (!calls || end === undefined) return { length: 1, text: waiting.slice(0, 1) };
    const after = end + spaces(waiting, end);
    const tail = start.mark === opening ? closing : ';';
    if (!ended && waiting.length < after + tail.length && tail.startsWith(waiting.slice(after)))
      return undefined;
    return { length: waiting.startsWith(tail, after) ? after + tail.length : end, text: '', calls };
  }

  /** Where a call begins or may begin, and what marks it if that is certain. */
  #startOfCall(text: string): { readonly at: number; readonly mark?: string } {
    const lead = spaces(text, 0);
    if (this.#isBeginning) {
      if (text[lead] === '[' && !text.startsWith(listMark, lead)) return { at: lead };
      if (text[lead] === '{') return lead > 0 ? { at: lead } : { at: 0, mark: '' };
      if (lead === text.length && !this.#called) return { at: lead };
    }
    const marks = [opening, listMark];
    for (let at = 0; at < text.length; at++) {
      if (text[at] !== '<' && text[at] !== '[') continue;
      const mark = marks.find((one) => text.startsWith(one, at));
      if (mark !== undefined) return { at, ...(at === 0 && { mark }) };
      if (marks.some((one) => one.startsWith(text.slice(at)))) return { at };
    }
    return { at: text.length };
  }

  #callsIn(json: string): ToolCall[] | undefined {
    let value: unknown;
    try {
      value = JSON.parse(json);
    } catch {
      return undefined;
    }
    const items = Array.isArray(value) ? value : [value];
    const calls = items.map((item) => this.#callOf(item));
    return calls.length > 0 && calls.every((call) => call !== undefined) ? calls : undefined;
  }

  #callOf(value: unknown): ToolCall | undefined {
    if (!isObject(value)) return undefined;
    // Some models put the call into {"type": "function", "function": …}.
    const { name, arguments: given, parameters } = isObject(value.function) ? value.function : value;
    const found = given ?? parameters ?? {};
    if (typeof name !== 'string' || !this.#isTool(name)) return undefined;
    const args = typeof found === 'string' ? found : JSON.stringify(found);
    return isObjectText(args) ? { name, arguments: args } : undefined;
  }
}

function spaces(text: string, from: number): number {
  return /^\s*/.exec(text.slice(from))![0].length;
}

function isObjectText(text: string): boolean {
  try {
    return isObject(JSON.parse(text));
  } catch {
    return false;
  }
}
