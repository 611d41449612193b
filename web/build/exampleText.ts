/** A text for trying out training: the first chapters of Moby-Dick, as a file that is fetched on demand. */
import { mobyDick } from '../../src/cli/mobyDick.ts';
import { siteFiles } from './siteFiles.ts';

/** Enough for a small model, and little to fetch: the page keeps the text for use without a network. */
const chapters = 10;

export const exampleText = () =>
  siteFiles('plusminus-example-text', async () => {
    const text = (await mobyDick()).slice(0, chapters).join('\n\n');
    return new Map([['moby-dick.txt', text]]);
  });
