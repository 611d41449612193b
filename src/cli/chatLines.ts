/**
 * What a person types in a chat. Lines that arrive together were pasted, and are one message. While the model answers,
 * the terminal shows nothing of what is typed, so that neither keys nor a resize write into the answer.
 */
import { createInterface, type Interface } from 'node:readline';
import { Writable } from 'node:stream';

/** Milliseconds in which pasted lines follow one another; nobody types that fast. */
const pasteGap = 20;

/** A terminal's output that can be silenced. */
class QuietableOutput extends Writable {
  quiet = false;
  readonly #stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream) {
    super({ decodeStrings: false });
    this.#stream = stream;
    stream.on('resize', () => this.quiet || this.emit('resize'));
  }

  get columns(): number {
    return this.#stream.columns;
  }

  get isTTY(): boolean {
    return this.#stream.isTTY;
  }

  override _write(chunk: string | Uint8Array, _: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.quiet) done();
    else this.#stream.write(chunk, () => done());
  }
}

export interface ChatLines {
  readonly readline: Interface;
  /** Messages, in the order in which they were given. */
  messages(): AsyncGenerator<string>;
  /** Hides what is typed until `prompt`. */
  hide(): void;
  prompt(): void;
}

export function openChatLines(input: NodeJS.ReadStream, output: NodeJS.WriteStream): ChatLines {
  const shown = new QuietableOutput(output);
  const interactive = input.isTTY === true;
  const readline = createInterface({ input, output: shown, prompt: '> ', terminal: interactive });
  return {
    readline,
    messages: () =>
      (interactive ? pastedTogether(readline) : readline[Symbol.asyncIterator]()) as AsyncGenerator<string>,
    hide: () => {
      shown.quiet = true;
    },
    prompt: () => {
      shown.quiet = false;
      readline.prompt(true);
    },
  };
}

export async function* pastedTogether(readline: Pick<Interface, 'on'>): AsyncGenerator<string> {
  const ready: string[] = [];
  let lines: string[] = [];
  let closed = false;
  let wake = () => {};
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    if (lines.length > 0) ready.push(lines.join('\n'));
    lines = [];
    wake();
  };
  readline.on('line', (line: string) => {
    lines.push(line);
    clearTimeout(timer);
    timer = setTimeout(flush, pasteGap);
  });
  readline.on('close', () => {
    closed = true;
    clearTimeout(timer);
    flush();
  });
  for (;;) {
    const next = ready.shift();
    if (next !== undefined) yield next;
    else if (closed) return;
    else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}
