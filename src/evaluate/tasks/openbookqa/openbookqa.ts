/** OpenBookQA: elementary science, where a fact must be joined with common knowledge. */
import { isObject } from '../../../json.ts';
import { choiceItem, labelledChoices, refuse, textField } from '../../fields.ts';
import { eachRow, type Item, type Row, type Task } from '../../task.ts';

export const openbookqa: Task = {
  name: 'openbookqa',
  about: 'elementary science with common knowledge',
  version: 1,
  citation:
    'Mihaylov et al. (2018), Can a suit of armor conduct electricity? A new dataset for open book question ' +
    'answering, https://arxiv.org/abs/1809.02789',
  scoring: 'choice',
  headline: 'acc_norm',
  dataset: { id: 'allenai/openbookqa', config: 'main', split: 'test' },
  fileNames: ['openbookqa.test'],
  items: eachRow(itemOf),
};

/** `{question_stem, choices, answerKey}`, `{question, choices, gold}`, or the authors' `{question: {stem, choices}, answerKey}`. */
function itemOf(row: Row): Item {
  const { question, choices } = row.fields;
  if (isObject(question)) {
    const { stem } = question;
    if (typeof stem !== 'string') return refuse(row, 'question.stem', stem, 'a text');
    return choiceItem(row, stem, labelledChoices(row, question.choices));
  }
  const stem = textField(row, 'question_stem' in row.fields ? 'question_stem' : 'question');
  return choiceItem(row, stem, labelledChoices(row, choices));
}
