/** A training that a recipe can start again: what is done is not done again. */
import { trainCommand } from '../../src/cli/train.ts';
import { holdsRun, readRunFile } from '../../src/train/runFile.ts';
import { savedStep } from '../../src/train/trainingState.ts';

/**
 * Runs `plusminus train`, or resumes the run in `folder`.
 * @returns whether it came to its end; if not, it was interrupted
 */
export async function trained(
  folder: string,
  args: readonly string[],
  say: (line: string) => void,
): Promise<boolean> {
  if (await isFinished(folder)) return true;
  const given = (await holdsRun(folder)) ? ['--resume', '--out', folder] : args;
  say(`plusminus train ${given.join(' ')}`);
  await trainCommand()
    .exitOverride()
    .parseAsync([...given], { from: 'user' });
  return isFinished(folder);
}

async function isFinished(folder: string): Promise<boolean> {
  if (!(await holdsRun(folder))) return false;
  return (await savedStep(folder)) >= (await readRunFile(folder)).settings.steps;
}
