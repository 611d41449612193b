/** LAMBADA as prepared by OpenAI: predict the last word of a passage, which requires the whole passage. */
import { textField } from '../../fields.ts';
import { eachRow, type Item, type Row, type Task } from '../../task.ts';

export const lambadaOpenai: Task = {
  name: 'lambada_openai',
  about: 'the last word of a passage',
  version: 1,
  citation:
    'Paperno et al. (2016), The LAMBADA dataset: word prediction requiring a broad discourse context, ' +
    "https://arxiv.org/abs/1606.06031; OpenAI's preparation of it for GPT-2",
  scoring: 'completion',
  headline: 'acc',
  dataset: { id: 'EleutherAI/lambada_openai', config: 'default', split: 'test' },
  fileNames: ['lambada_openai.test', 'lambada_test'],
  items: eachRow(itemOf),
};

/** `{text}`, divided at its last space, or `{context, continuation}`, divided there already. */
function itemOf(row: Row): Item {
  if (!('text' in row.fields)) {
    const context = textField(row, 'context');
    return itemWith(row, context, textField(row, 'continuation'));
  }
  const text = textField(row, 'text');
  const at = text.lastIndexOf(' ');
  return at < 0 ? itemWith(row, '', text) : itemWith(row, text.slice(0, at), text.slice(at + 1));
}

function itemWith({ where }: Row, context: string, word: string): Item {
  return { where, requests: [{ context, continuation: ` ${word}` }] };
}
