import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from './checkpoint/testing.ts';
import { partialName } from './processMark.ts';
import { explainSystemError, systemReason } from './systemErrors.ts';

const failure = (operation: Promise<unknown>): Promise<NodeJS.ErrnoException> =>
  operation.then(
    () => expect.unreachable(),
    (error) => error,
  );

it('names the path as the user knows it, what was found, and what to do', async () => {
  const folder = await temporaryFolder();
  const [missing, file] = [join(folder, 'none'), join(folder, 'file')];
  await writeFile(file, '');
  const said = async (operation: Promise<unknown>) => explainSystemError(await failure(operation));
  expect(await said(readFile(missing))).toBe(`${missing}: no such file or folder; check the path`);
  expect(await said(mkdir(file))).toBe(`${file}: found a file of that name; choose another name, or move it`);
  // What is written under a partial name is missing its folder, and the user asked for the final name.
  const inNone = join(missing, 'scores.json');
  expect(await said(open(partialName(inNone), 'w'))).toBe(
    `${inNone}: its folder does not exist; check the path, or make the folder`,
  );
  expect(await said(writeFile(folder, ''))).toBe(`${folder}: found a folder, expected a file`);
  // An error of a read names no path.
  expect(await said(readFile(folder))).toBe('found a folder, expected a file');
});

it('names an address', async () => {
  const [server, second] = [createServer(), createServer()];
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const taken = await new Promise<NodeJS.ErrnoException>((resolve) =>
    second.on('error', resolve).listen(port, '127.0.0.1'),
  );
  server.close();
  expect(explainSystemError(taken)).toBe(
    `127.0.0.1:${port}: another program listens there; choose another port, or 0 for any free one`,
  );
});

it('keeps the message of errors that it does not know', () => {
  expect(systemReason(new Error('a reason'))).toBe('a reason');
});
