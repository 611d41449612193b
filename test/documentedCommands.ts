/** The commands of the documentation: those of its shell blocks, and those between backticks. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface DocumentedCommand {
  /** File and line, for messages. */
  readonly where: string;
  /** Words of one command without redirections; a pipeline gives several commands. */
  readonly words: readonly string[];
}

/** Programs with which a command between backticks begins; other code between backticks is not a command. */
const programs = /^(?:[A-Z_]+=\S+ )*(?:npx|npm|node|plusminus|mpirun) /;

/** Reads all commands of a Markdown file, in order. */
export async function commandsIn(folder: string, file: string): Promise<DocumentedCommand[]> {
  const lines = (await readFile(join(folder, file), 'utf8')).split('\n');
  const commands: DocumentedCommand[] = [];
  const add = (line: number, text: string) => {
    for (const words of splitCommands(text)) commands.push({ where: `${file}:${line + 1}`, words });
  };
  let block: string | undefined;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    const fence = /^ *```(\w*)/.exec(line)?.[1];
    if (fence !== undefined) block = block === undefined ? fence : undefined;
    else if (block === 'sh') {
      const first = at;
      let text = line;
      while ((text.endsWith('\\') || isOpen(text)) && at + 1 < lines.length) {
        text = `${text.replace(/\\$/, ' ')}\n${lines[++at]}`;
      }
      add(first, text);
    } else if (block === undefined) {
      // Code may continue in the next line of a paragraph.
      const isFirst = at === 0 || lines[at - 1] === '';
      if (!isFirst) continue;
      const end = lines.indexOf('', at);
      const paragraph = lines.slice(at, end < 0 ? undefined : end).join('\n');
      if (paragraph.includes('```')) continue;
      for (const [span, code] of paragraph.matchAll(/`([^`]+)`/g)) {
        const before = paragraph.slice(0, paragraph.indexOf(span)).split('\n').length - 1;
        if (programs.test(code!)) add(at + before, code!.replaceAll('\n', ' '));
      }
    }
  }
  return commands;
}

/** The text outside of code blocks. */
export async function proseIn(file: string): Promise<string> {
  return (await readFile(file, 'utf8')).replaceAll(/^ *```[\s\S]*?^ *```/gm, '');
}

function isOpen(text: string): boolean {
  return (text.split("'").length - 1) % 2 === 1 && !text.trimStart().startsWith('#') && !/#[^']*'/.test(text);
}

/** Commands that are joined by `&&`, `;` or `|`, as words. Quotes group; `#` begins a comment. */
export function splitCommands(text: string): string[][] {
  const commands: string[][] = [[]];
  for (const [token, double, single] of text.matchAll(/"([^"]*)"|'([^']*)'|&&|[|;]|#.*|[^\s"'|;]+/g)) {
    if (token.startsWith('#')) continue;
    if (/^(&&|\||;)$/.test(token)) commands.push([]);
    else commands.at(-1)!.push(double ?? single ?? token);
  }
  return commands.filter(({ length }) => length > 0);
}
