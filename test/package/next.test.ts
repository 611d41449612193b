/** The package in Next.js, with the files of docs/platforms.md: a route on the server, and a page. */
import { expect, test } from 'vitest';
import { copyDocumented, copyModel } from './documented.ts';
import { generated, userProject } from './project.ts';
import { start, written } from './site.ts';

const project = userProject('next@16', 'react@19', 'react-dom@19');

test('Next serves a route and a client component', async () => {
  await copyModel(project);
  const app = ['app/layout.js', 'app/page.js', 'app/api/story/route.js'];
  await copyDocumented(project, 'next.config.js', ...app);
  await project.bin('next', 'build');
  const url = await start(project, 'next', 'start', '--port', '0');
  const expected = await generated(project);
  expect(await (await fetch(new URL('/api/story', url))).text()).toBe(expected);
  const text = await written(url);
  expect(text).toMatch(/, \d+ threads?\): /);
  expect(text).toContain(expected);
});
