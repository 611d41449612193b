import { execFile } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/testing.ts';
import { ownMark, parseMark } from '../processMark.ts';

const program = join(import.meta.dirname, '../../bin/plusminus.js');

async function plusminus(cwd: string, ...args: string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, [program, ...args], { cwd })).stdout;
}

const demo = (cwd: string, ...args: string[]) =>
  plusminus(cwd, 'demo', '--steps', '2', '--threads', '2', ...args);

describe('plusminus demo', () => {
  it('goes through all phases, names commands that exist, and starts again', async () => {
    const folder = await temporaryFolder();
    const told = await demo(folder);
    for (const phase of ['1  Reading', '2  Training', '3  Writing', '4  Counting', '5  Next']) {
      expect(told).toContain(phase);
    }
    expect(told).toContain('Call me Ishmael.');
    expect(await readdir(join(folder, 'runs/demo'))).toContain('loss.svg');
    // The commands that it names, but for those that train for long, do what it says.
    for (const name of ['generate', 'inspect']) {
      const command = told.match(new RegExp(`npx plusminus (${name} .*)`))![1]!;
      expect(await plusminus(folder, ...command.replaceAll('"', '').split(' '))).not.toBe('');
    }

    const lines = (await demo(folder, '--json'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ event }) => event)).toEqual(['validation', 'step', 'step', 'validation', 'demo']);
    expect(lines.at(-1).audit.total.productMultiplications).toBe(0);

    // Another demo that is training there keeps its folder.
    const { host } = parseMark(ownMark())!;
    await writeFile(join(folder, `runs/demo/.lock-1-0-${host}`), '');
    const before = await readdir(join(folder, 'runs/demo'));
    await expect(demo(folder)).rejects.toThrow(`process 1 on ${host} is writing there`);
    expect(await readdir(join(folder, 'runs/demo'))).toEqual(before);
  });
});
