/** What registries and other runtimes make of the package. */
import { expect, inject, test } from 'vitest';
import { copyDocumented } from './documented.ts';
import { generated, program, userProject } from './project.ts';

const project = userProject('publint@0.3', '@arethetypeswrong/cli@0.18', 'bun@1', 'deno@2');

test('npm would publish it', async () => {
  for (const tarball of inject('tarballs')) {
    const printed = JSON.parse(
      await project.run('npm', 'publish', '--dry-run', '--json', '--tag', 'next', tarball),
    );
    const [{ version }] =
      'version' in printed ? [printed] : (Object.values(printed) as [{ version: string }]);
    expect(version).toMatch(/^1\./);
  }
});

test('publint finds nothing', async () => {
  expect(await project.bin('publint', inject('tarballs')[0]!, '--strict')).toContain('All good!');
});

test('attw: types resolve wherever an ES module does', async () => {
  const attw = (...options: string[]) =>
    project.bin('attw', inject('tarballs')[0]!, '--format', 'json', ...options);
  const printed = await attw('--profile', 'esm-only').catch(({ stdout }) => stdout);
  const { problems } = JSON.parse(printed) as { problems: Record<string, unknown[]> };
  // CommonJS before Node 22.12 cannot require an ES module; node10 knows no exports. Neither is supported.
  expect(
    Object.keys(problems).filter((kind) => !['CJSResolvesToESM', 'NoResolution'].includes(kind)),
  ).toEqual([]);
});

test.each([
  ['bun', ['run']],
  ['deno', ['run', '-A']],
  ['deno', ['run', '-R', '-E', '-S']],
])('%s %s loads a model on threads and generates', async (runtime, args) => {
  await copyDocumented(project, 'story.js');
  await project.write('threads.js', program('{ threads: 2 }'));
  for (const file of ['story.js', 'threads.js']) {
    expect(await project.bin(runtime, ...args, file)).toBe(await generated(project));
  }
});
