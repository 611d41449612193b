/**
 * Conversations as rows of tokens for fine-tuning. The labels are the assistant's answers and the token that ends
 * each; all other tokens are context only.
 */
import { InputError } from '../errors.ts';
import { renderPrompt } from '../generate/chatTemplate.ts';
import type { ChatPrompt } from '../generate/literalText.ts';
import type { ChatMessage } from '../text/corpus.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';
import { endOfDocument, type TokenSequence } from '../text/writeShards.ts';

/** Tokens, each with mark 1 if it is a label. */
export interface MarkedTokens {
  readonly ids: number[];
  readonly marks: number[];
}

/**
 * A conversation as the chat template writes it, with the assistant's turns marked. It is cut after the last
 * answer that ends within `max` tokens; if the first one does not, within it.
 *
 * An answer is what the template adds to the prompt of that turn, so that any template will do whose rendering of
 * a longer conversation begins with that of a shorter one.
 * @returns undefined if nothing is left to learn
 * @throws {InputError} if there is no template, or it rewrites earlier turns
 */
export function markConversation(
  tokenizer: TextTokenizer,
  messages: readonly ChatMessage[],
  max: number,
): MarkedTokens | undefined {
  const { prompt, offsets } = answersIn(tokenizer, messages);
  if (prompt === undefined) return undefined;
  const { ids, before } = tokenizer.encodeWithOffsets(prompt.text, offsets, prompt);
  const marks = ids.map((): number => 0);
  let end = 0;
  for (let turn = 0; turn < before.length; turn += 2) {
    const [start = 0, stop = 0] = before.slice(turn, turn + 2);
    if (stop > max && turn > 0) break;
    marks.fill(1, start, stop);
    end = Math.min(stop, max);
  }
  const found = { ids: ids.slice(0, end), marks: marks.slice(0, end) };
  return found.marks.includes(1) ? found : undefined;
}

/** The chat up to its last answer, and where each answer begins and ends. */
function answersIn(tokenizer: TextTokenizer, messages: readonly ChatMessage[]) {
  let prompt: ChatPrompt | undefined;
  const offsets: number[] = [];
  for (const [at, { role }] of messages.entries()) {
    if (role !== 'assistant' || at === 0) continue; // a prompt comes before every answer
    const before = renderPrompt(tokenizer, messages.slice(0, at));
    const whole = renderPrompt(tokenizer, messages.slice(0, at + 1), { addGenerationPrompt: false });
    if (!before.text.startsWith(prompt?.text ?? '') || !whole.text.startsWith(before.text)) {
      throw new InputError(
        'chat_template: it writes earlier turns differently once later ones follow, so that the tokens of an ' +
          'answer cannot be identified; expected a template that only appends',
      );
    }
    offsets.push(before.text.length, whole.text.length);
    prompt = whole;
  }
  return { prompt, offsets };
}

/** Rows filled at the same time. More rows waste less space, but keep the order of the corpus less well. */
const openRows = 32;

/**
 * Packs conversations into rows of `length` + 1 tokens without splitting any; the rest of a row is filled with
 * end-of-sequence tokens, which are not labels. Each conversation goes to the row where it leaves the least space.
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

/** The fullest row among those with at most `maxTokens` tokens. */
function tightest(rows: readonly Row[], maxTokens: number): Row | undefined {
  return rows
    .filter(({ ids }) => ids.length <= maxTokens)
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
