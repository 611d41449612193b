/** HellaSwag: how does the scene, or the instruction, continue? */
import { choiceItem, labelField, textField, textList } from '../../fields.ts';
import { eachRow, type Item, type Row, type Task } from '../../task.ts';

export const hellaswag: Task = {
  name: 'hellaswag',
  about: 'how scenes and instructions continue',
  version: 1,
  citation:
    'Zellers et al. (2019), HellaSwag: can a machine really finish your sentence?, https://arxiv.org/abs/1905.07830',
  scoring: 'choice',
  headline: 'acc_norm',
  dataset: { id: 'Rowan/hellaswag', split: 'validation' },
  fileNames: ['hellaswag.validation', 'hellaswag_val'],
  items: eachRow(itemOf),
};

function itemOf(row: Row): Item {
  // "activitynet~v_…" or "wikihow~…"
  const { source_id: id } = row.fields;
  const source = typeof id === 'string' ? id.split('~')[0]! : undefined;
  return { ...requestsOf(row), ...(source ? { source } : {}) };
}

/** The dataset's `{activity_label, ctx_a, ctx_b, endings, label}`, or `{query, choices, gold}`, already cleaned. */
function requestsOf(row: Row): Item {
  if ('query' in row.fields) {
    const texts = textList(row, 'choices');
    return choiceItem(row, textField(row, 'query'), { texts, gold: labelField(row, 'gold', texts.length) });
  }
  const begun = `${textField(row, 'ctx_a')} ${capitalised(textField(row, 'ctx_b'))}`;
  const texts = textList(row, 'endings').map(cleaned);
  const gold = labelField(row, 'label', texts.length);
  return choiceItem(row, cleaned(`${textField(row, 'activity_label')}: ${begun}`), { texts, gold });
}

/** First letter large, all others small: the second sentence was cut off in the middle. */
function capitalised(text: string): string {
  const [first = '', ...rest] = text;
  return first.toUpperCase() + rest.join('').toLowerCase();
}

/** WikiHow left titles and other notes in brackets behind. */
function cleaned(text: string): string {
  return text
    .trim()
    .replaceAll(' [title]', '. ')
    .replace(/\[[^\n]*?\]/g, '')
    .replaceAll('  ', ' ');
}
