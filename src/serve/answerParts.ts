/** An answer as it comes, divided into text and calls of tools. */
import { randomBytes } from 'node:crypto';
import { type ParsedAnswer, type ToolCall, ToolCallStream } from '../generate/tools/toolCalls.ts';

export interface NamedCall extends ToolCall {
  readonly id: string;
}

export interface Part {
  readonly text: string;
  readonly calls: readonly NamedCall[];
}

export class AnswerParts {
  readonly #stream: ToolCallStream | undefined;
  /** Calls so far. */
  calls = 0;

  /** @param isTool whether there is a tool of this name; undefined: all is text */
  constructor(isTool: ((name: string) => boolean) | undefined) {
    this.#stream = isTool && new ToolCallStream(isTool);
  }

  push(piece: string): Part {
    return this.#named(this.#stream?.push(piece) ?? { text: piece, calls: [] });
  }

  /** What is left when the answer has ended. */
  end(): Part {
    return this.#named(this.#stream?.end() ?? { text: '', calls: [] });
  }

  #named({ text, calls }: ParsedAnswer): Part {
    this.calls += calls.length;
    return { text, calls: calls.map((call) => ({ ...call, id: `call_${randomBytes(12).toString('hex')}` })) };
  }
}
