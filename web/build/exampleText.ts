/** A text for trying out training: the first chapters of Moby-Dick, as a file that is fetched on demand. */
import type { Plugin } from 'vite';
import { mobyDick } from '../../src/cli/mobyDick.ts';

const chapters = 24;

export function exampleText(): Plugin {
  return {
    name: 'plusminus-example-text',
    apply: 'build',
    async buildStart() {
      const source = (await mobyDick()).slice(0, chapters).join('\n\n');
      this.emitFile({ type: 'asset', fileName: 'moby-dick.txt', source });
    },
  };
}
