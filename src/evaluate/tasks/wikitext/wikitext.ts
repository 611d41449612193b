/** WikiText-2: how well a model predicts articles, per word and per byte. */
import { refuse, textField } from '../../fields.ts';
import type { Item, Row, Task } from '../../task.ts';
import { detokenise } from './detokenise.ts';

export const wikitext: Task = {
  name: 'wikitext',
  about: 'perplexity of Wikipedia articles',
  version: 3,
  citation: 'Merity et al. (2016), Pointer sentinel mixture models, https://arxiv.org/abs/1609.07843',
  scoring: 'text',
  headline: 'word_perplexity',
  dataset: { id: 'EleutherAI/wikitext_document_level', config: 'wikitext-2-raw-v1', split: 'test' },
  fileNames: ['wikitext2.test', 'wikitext2.test.tokens', 'wiki.test.raw', 'wiki.test.tokens'],
  items,
};

/** Rows are articles (`page`), lines (`text`, as in Salesforce/wikitext), or one text of many articles. */
async function* items(rows: AsyncIterable<Row>): AsyncGenerator<Item> {
  let text = '';
  let first: Row | undefined;
  for await (const row of rows) {
    if ('page' in row.fields) {
      yield itemOf(textField(row, 'page'), row.where);
      continue;
    }
    first ??= row;
    const line = textField(row, 'text');
    // The dataset of lines has emptied those of one space.
    text += line === '' ? ' \n' : line;
  }
  if (!first) return;
  let count = 0;
  for (const page of pagesOf(text)) yield itemOf(page, `${first.where}, article ${++count}`);
  if (count === 0) refuse(first, 'text', text, 'articles');
}

/** Articles begin with lines of the form ` = Title = `; those of sections have more signs. */
export function* pagesOf(text: string): Generator<string> {
  let lines: string[] = [];
  for (const line of text.split('\n')) {
    const heading = line.replaceAll('= = =', '===').replaceAll('= =', '==').trim();
    if (heading.startsWith('= ') && heading.endsWith(' =')) {
      if (lines.some((one) => one.trim() !== '')) yield lines.join('\n');
      lines = [];
    }
    lines.push(line);
  }
  if (lines.some((one) => one.trim() !== '')) yield lines.join('\n');
}

/** Words and bytes are those of the text as the data has it, tokenised: so results with any rendering compare. */
function itemOf(page: string, where: string): Item {
  return {
    where,
    requests: [{ context: '', continuation: detokenise(page) }],
    size: { words: page.split(/\s+/).length, bytes: Buffer.byteLength(page) },
  };
}
