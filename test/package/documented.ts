/** The files that docs/platforms.md shows: tests write them as a reader would copy them. */
import { readFile } from 'node:fs/promises';
import type { UserProject } from './project.ts';

const page = await readFile(new URL('../../docs/platforms.md', import.meta.url), 'utf8');
/** Content by name, which the first line of a block has in a comment. */
const files = new Map(
  [...page.matchAll(/^```\w+\n(?:\/\/|<!--) (\S+\.\w+)(?: -->)?\n(.*?)^```/gms)].map(([, name, content]) => [
    name!,
    content!,
  ]),
);

/** Writes documented files into a project, under their own names. */
export async function copyDocumented(project: UserProject, ...names: string[]): Promise<void> {
  for (const name of names) await project.write(name, documented(name));
}

export function documented(name: string): string {
  const content = files.get(name);
  if (content === undefined) throw new Error(`docs/platforms.md has no file ${name}`);
  return content;
}

/** Runs the commands of the page, which give the project a model to serve. */
export const copyModel = (project: UserProject): Promise<string> =>
  project.run('sh', '-ec', /^```sh\n(.*?)^```/ms.exec(page)![1]!);

const [, policy] = /^Content-Security-Policy: (.*)$/m.exec(page)!;
export const securityPolicy = { 'content-security-policy': policy! };
