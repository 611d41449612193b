/** WinoGrande: whom or what does the blank mean? Each option is put in, and the same ending is scored. */
import { refuse, textField } from '../../fields.ts';
import { eachRow, type Item, type Row, type Task } from '../../task.ts';

export const winogrande: Task = {
  name: 'winogrande',
  about: 'whom or what the blank means',
  version: 1,
  citation:
    'Sakaguchi et al. (2019), WinoGrande: an adversarial Winograd schema challenge at scale, ' +
    'https://arxiv.org/abs/1907.10641',
  scoring: 'choice',
  headline: 'acc',
  dataset: { id: 'allenai/winogrande', config: 'winogrande_xl', split: 'validation' },
  fileNames: ['winogrande_xl.dev', 'winogrande_xl.validation'],
  items: eachRow(itemOf),
};

function itemOf(row: Row): Item {
  const sentence = textField(row, 'sentence');
  const blank = sentence.indexOf('_');
  if (blank < 0) refuse(row, 'sentence', sentence, 'a blank "_" in it');
  const gold = ['1', '2'].indexOf(textField(row, 'answer'));
  if (gold < 0) refuse(row, 'answer', row.fields.answer, '"1" or "2"');
  const contexts = ['option1', 'option2'].map((name) => sentence.slice(0, blank) + textField(row, name));
  const continuation = ` ${sentence.slice(blank + 1).trim()}`;
  return { where: row.where, requests: contexts.map((context) => ({ context, continuation })), gold };
}
