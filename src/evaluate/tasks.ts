/** Every task by its name. */
import { InputError } from '../errors.ts';
import type { Task } from './task.ts';
import { arcChallenge, arcEasy } from './tasks/arc/arc.ts';
import { hellaswag } from './tasks/hellaswag/hellaswag.ts';
import { lambadaOpenai } from './tasks/lambada/lambada.ts';
import { openbookqa } from './tasks/openbookqa/openbookqa.ts';
import { piqa } from './tasks/piqa/piqa.ts';
import { wikitext } from './tasks/wikitext/wikitext.ts';
import { winogrande } from './tasks/winogrande/winogrande.ts';

/** The six of the paper's table 1, in its order. */
export const paperTasks: readonly Task[] = [arcEasy, arcChallenge, hellaswag, openbookqa, piqa, winogrande];

export const allTasks: readonly Task[] = [...paperTasks, lambadaOpenai, wikitext];

/**
 * @param names task names; `paper` stands for the six of the paper, `all` for all
 * @throws InputError for an unknown name
 */
export function findTasks(names: readonly string[]): readonly Task[] {
  const found = names.flatMap((name) => {
    if (name === 'all') return allTasks;
    if (name === 'paper') return paperTasks;
    const task = allTasks.find((one) => one.name === name);
    if (task) return [task];
    const known = allTasks.map((one) => one.name).join(', ');
    throw new InputError(
      `tasks: found "${name}", expected some of ${known}, or "paper" for the first six, or "all"`,
    );
  });
  if (found.length === 0) throw new InputError('tasks: found none, expected at least one');
  return [...new Set(found)];
}
