/** The package on other versions of Node than the clone's own: the oldest that it supports, and the newest. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { generated, program, strictOptions, typeScript, userProject } from './project.ts';

const versions = ['22.18.0', '26'];
/** npm has Node as a package for each machine; here each version has a name of its own. */
const platform = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
const nodes = versions.map((version) => `node${version}@npm:node-${platform}@${version}`);
const project = userProject(...nodes, '@types/node@22');

test.each(versions)('Node %s: import on threads, require, TypeScript, the command', async (version) => {
  const node = (...args: string[]) =>
    project.run(join(project.folder, `node_modules/node${version}/bin/node`), ...args);
  expect(await node('--version')).toMatch(`v${version}`);
  const own = await generated(project);

  await project.write('use.js', program('{ threads: 2 }'));
  expect(await node('use.js')).toBe(own);

  await project.write(
    'use.cjs',
    `const { LanguageModel } = require('plusminus');
    LanguageModel.load('plusminus/stories', { threads: 2 }).then(async (model) => {
      console.log((await model.complete('Once upon a time', { maxTokens: 8, seed: 7 })).text);
      await model.dispose();
    });`,
  );
  expect(await node('use.cjs')).toBe(own);

  await project.write(
    'use.ts',
    `import { type Completion, LanguageModel } from 'plusminus';
    const model: LanguageModel = await LanguageModel.load('plusminus/stories');
    const { text }: Completion = await model.complete('Once upon a time', { maxTokens: 8, seed: 7 });
    console.log(text);
    await model.dispose();`,
  );
  expect(await node('use.ts')).toBe(own);
  const compilerOptions = { ...strictOptions, module: 'nodenext', types: ['node'] };
  await project.write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['use.ts'] }));
  expect(await node(typeScript).catch(({ stdout }) => stdout)).toBe('');

  const command = 'node_modules/plusminus/bin/plusminus.js';
  const options = ['--max-tokens=8', '--seed=7', '--temperature=1', '--top-p=1']; // as `complete` has them
  expect(await node(command, 'generate', 'Once upon a time', ...options)).toBe(own);
});
