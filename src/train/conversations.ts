/**
 * Conversations as rows of tokens for fine-tuning. Of each, the model learns what the assistant says and the token
 * that ends it; what it is told is read, and never a label.
 */
import { InputError } from '../errors.ts';
import { renderChat } from '../generate/chatTemplate.ts';
import type { ChatMessage } from '../text/corpus.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';
import { endOfDocument, type TokenSequence } from '../text/writeShards.ts';

/** Tokens, each with 1 if it is to be learned. */
export interface MarkedTokens {
  readonly ids: number[];
  readonly marks: number[];
}

/**
 * A conversation as the chat template writes it, with the assistant's turns marked. It is cut after the last
 * answer that ends within `most` tokens; if the first one does not, within it.
 *
 * An answer is what the template adds to the prompt of that turn, so that any template will do whose rendering of
 * a longer conversation begins with that of a shorter one.
 * @returns undefined if nothing is left to learn
 * @throws {InputError} if there is no template, or it writes earlier turns anew
 */
export function markConversation(
  tokenizer: TextTokenizer,
  messages: readonly ChatMessage[],
  most: number,
): MarkedTokens | undefined {
  const found: MarkedTokens = { ids: [], marks: [] };
  const add = (text: string, mark: 0 | 1) => {
    const ids = tokenizer.encode(text, { addSpecialTokens: false });
    found.ids.push(...ids);
    found.marks.push(...ids.map(() => mark));
  };
  let written = '';
  for (const [at, { role }] of messages.entries()) {
    if (role !== 'assistant' || at === 0) continue; // a prompt comes before every answer
    const prompt = renderChat(tokenizer, messages.slice(0, at));
    const whole = renderChat(tokenizer, messages.slice(0, at + 1), { addGenerationPrompt: false });
    if (!prompt.startsWith(written) || !whole.startsWith(prompt)) {
      throw new InputError(
        'chat_template: found one that writes earlier turns anew, expected one that only adds to them; ' +
          'it cannot be told which tokens are the answer',
      );
    }
    const before = found.ids.length;
    add(prompt.slice(written.length), 0);
    add(whole.slice(prompt.length), 1);
    written = whole;
    if (found.ids.length <= most) continue;
    const end = before > 0 ? before : most;
    found.ids.length = end;
    found.marks.length = end;
    break;
  }
  return found.marks.includes(1) ? found : undefined;
}

/** Rows that are being filled at the same time: more waste less, and keep the order of the corpus less well. */
const openRows = 32;

/**
 * Conversations side by side in rows of `length` + 1 tokens, none divided between two; what is left of a row is
 * eos tokens, which are not learned. Each conversation goes where it leaves the least room.
 */
export async function* conversationRows(
  conversations: AsyncIterable<readonly ChatMessage[]>,
  tokenizer: TextTokenizer,
  length: number,
): AsyncGenerator<TokenSequence> {
  const size = length + 1;
  const rows: Row[] = [];
  const eos = endOfDocument(tokenizer);
  for await (const messages of conversations) {
    const marked = markConversation(tokenizer, messages, size);
    if (!marked) continue;
    let row = tightest(rows, size - marked.ids.length);
    if (!row) {
      if (rows.length === openRows) yield filled(takeFullest(rows), size, eos);
      row = { ids: [], marks: [], documents: 0, characters: 0 };
      rows.push(row);
    }
    row.ids.push(...marked.ids);
    row.marks.push(...marked.marks);
    row.documents += 1;
    row.characters += messages.reduce((sum, { content }) => sum + content.length, 0);
  }
  while (rows.length > 0) yield filled(takeFullest(rows), size, eos);
}

interface Row extends MarkedTokens {
  documents: number;
  characters: number;
}

/** The fullest of the rows that hold at most `most` tokens. */
function tightest(rows: readonly Row[], most: number): Row | undefined {
  return rows
    .filter(({ ids }) => ids.length <= most)
    .reduce<Row | undefined>(
      (best, row) => (best && best.ids.length >= row.ids.length ? best : row),
      undefined,
    );
}

function takeFullest(rows: Row[]): Row {
  const row = tightest(rows, Number.POSITIVE_INFINITY)!;
  rows.splice(rows.indexOf(row), 1);
  return row;
}

function filled(row: Row, size: number, eos: number): TokenSequence {
  const rest = size - row.ids.length;
  return {
    ...row,
    ids: [...row.ids, ...Array(rest).fill(eos)],
    marks: [...row.marks, ...Array(rest).fill(0)],
  };
}
