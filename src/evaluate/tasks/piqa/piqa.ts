/** PIQA: which of two ways to do something works? */
import { choiceItem, labelField, textField } from '../../fields.ts';
import { eachRow, type Task } from '../../task.ts';

export const piqa: Task = {
  name: 'piqa',
  about: 'which of two ways works',
  version: 1,
  citation:
    'Bisk et al. (2019), PIQA: reasoning about physical commonsense in natural language, ' +
    'https://arxiv.org/abs/1911.11641',
  scoring: 'choice',
  headline: 'acc_norm',
  dataset: { id: 'baber/piqa', split: 'validation' },
  fileNames: ['piqa.validation', 'piqa.valid'],
  // The authors keep labels in a file of their own, which the reader of rows joins.
  items: eachRow((row) => {
    const texts = [textField(row, 'sol1'), textField(row, 'sol2')];
    const gold = labelField(row, 'label', texts.length);
    return choiceItem(row, `Question: ${textField(row, 'goal')}\nAnswer:`, { texts, gold });
  }),
};
