/** The package on other versions of Node than the clone's own: the oldest that it supports, and the newest. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { copyDocumented } from './documented.ts';
import { generated, program, typeScript, userProject } from './project.ts';

const versions = ['22.18.0', '26'];
/** npm has Node as a package for each machine; here each version has a name of its own. */
const platform = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
const project = userProject(...versions.map((version) => `node${version}@npm:node-${platform}@${version}`));

test.each(versions)('Node %s: import on threads, require, TypeScript, the command', async (version) => {
  const node = (...args: string[]) =>
    project.run(join(project.folder, `node_modules/node${version}/bin/node`), ...args);
  expect(await node('--version')).toMatch(`v${version}`);
  const expected = await generated(project);
  await project.write('threads.js', program('{ threads: 2 }'));
  await copyDocumented(project, 'story.js', 'story.cjs', 'story.ts', 'tsconfig.json');
  for (const file of ['threads.js', 'story.js', 'story.cjs', 'story.ts']) {
    expect(await node(file), file).toBe(expected);
  }
  expect(await node(typeScript).catch(({ stdout }) => stdout)).toBe('');
  const command = 'node_modules/plusminus/bin/plusminus.js';
  const options = ['--max-tokens=8', '--seed=7', '--temperature=1', '--top-p=1']; // as `complete` has them
  expect(await node(command, 'generate', 'Once upon a time', ...options)).toBe(expected);
});
