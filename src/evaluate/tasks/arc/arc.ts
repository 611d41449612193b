/** ARC: science questions of American schools, an easy set and one that simple methods fail. */

import { isObject } from '../../../json.ts';
import { choiceItem, labelledChoices, refuse, textField } from '../../fields.ts';
import { eachRow, type Item, type Row, type Task } from '../../task.ts';

const shared = {
  version: 1,
  citation:
    'Clark et al. (2018), Think you have solved question answering? Try ARC, the AI2 reasoning challenge, ' +
    'https://arxiv.org/abs/1803.05457',
  scoring: 'choice',
  items: eachRow(itemOf),
} as const;

export const arcEasy: Task = {
  ...shared,
  name: 'arc_easy',
  about: 'science questions, the easy ones',
  headline: 'acc',
  dataset: { id: 'allenai/ai2_arc', config: 'ARC-Easy', split: 'test' },
  fileNames: ['arc_easy.test', 'ARC-Easy-Test'],
};

export const arcChallenge: Task = {
  ...shared,
  name: 'arc_challenge',
  about: 'science questions, the hard ones',
  headline: 'acc_norm',
  dataset: { id: 'allenai/ai2_arc', config: 'ARC-Challenge', split: 'test' },
  fileNames: ['arc_challenge.test', 'ARC-Challenge-Test'],
};

/** `{question, choices, answerKey}`, or the authors' `{question: {stem, choices}, answerKey}`. */
function itemOf(row: Row): Item {
  const { question, choices } = row.fields;
  const authors = isObject(question) ? question : undefined;
  const stem = authors ? authors.stem : textField(row, 'question');
  if (typeof stem !== 'string') return refuse(row, 'question.stem', stem, 'a text');
  return choiceItem(
    row,
    `Question: ${stem}\nAnswer:`,
    labelledChoices(row, authors ? authors.choices : choices),
  );
}
