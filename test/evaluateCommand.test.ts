/** `plusminus evaluate` as a user meets it. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWithMpi, mpirun } from '../src/mpi/testing.ts';
import { makeSmallModel, type SmallModel } from './smallModel.ts';

const program = join(import.meta.dirname, '../bin/plusminus.js');
const data = join(import.meta.dirname, 'fixtures/evaluate/hub');
const run = (...args: string[]) => promisify(execFile)(process.execPath, [program, 'evaluate', ...args]);

let small: SmallModel;
let folder: string;
beforeAll(async () => {
  small = await makeSmallModel();
  folder = await mkdtemp(join(tmpdir(), 'plusminus-evaluate-'));
});
afterAll(async () => {
  await small?.remove();
  if (folder) await rm(folder, { recursive: true, force: true });
});

describe('plusminus evaluate', () => {
  it('writes requests without a model', async () => {
    const path = join(folder, 'requests.jsonl');
    await run('--tasks', 'winogrande,wikitext', '--data', data, '--requests', path);
    const lines = (await readFile(path, 'utf8')).trim().split('\n');
    expect(lines.slice(0, 2).map((line) => JSON.parse(line))).toEqual(
      ['Ann', 'Mia'].map((name, choice) => ({
        ...{ task: 'winogrande', item: 0, choice },
        ...{ context: `Ann was better than Mia so ${name}`, continuation: ' won the race.' },
      })),
    );
    expect(lines.length).toBeGreaterThan(3);
  });

  it('scores tasks and texts, with every score in a file, and continues with them', async () => {
    const [out, text] = [join(folder, 'scores.json'), join(folder, 'kept.txt')];
    await writeFile(text, 'Call me Ishmael.\n<|endoftext|>\nSome years ago.\n<|endoftext|>\n');
    const options = [
      '--model',
      small.folder,
      '--tasks',
      'paper,lambada_openai',
      '--data',
      data,
      '--text',
      text,
      '--out',
      out,
    ];
    const { stdout } = await run(...options, '--json');
    const report = JSON.parse(stdout);
    expect(report.tasks.map(({ task }: { task: string }) => task)).toEqual([
      'arc_easy',
      'arc_challenge',
      'hellaswag',
      'openbookqa',
      'piqa',
      'winogrande',
      'lambada_openai',
      'text',
    ]);
    expect(report.average).toBeGreaterThanOrEqual(0);
    const { scores, ...rest } = JSON.parse(await readFile(out, 'utf8'));
    expect(rest).toEqual(report);
    expect(scores.arc_easy[1]).toMatchObject({
      item: 1,
      gold: 1,
      scores: Array(4).fill({ tokens: expect.any(Number) }),
    });
    expect(scores.text).toHaveLength(2);
    const again = await run(...options);
    expect(again.stdout).toMatch(/arc_easy +3 +acc \*/);
    expect(JSON.parse(await readFile(out, 'utf8')).scores).toEqual(scores);
  });

  it.each([
    [['--tasks', 'mmlu'], /^plusminus: tasks: found "mmlu", expected some of arc_easy, [^\n]+\n$/],
    [['--model', 'x'], /^plusminus: --tasks: found none[^\n]+\n$/],
    [
      ['--tasks', 'piqa', '--data', 'nowhere'],
      /^plusminus: data: found no file or folder "nowhere"[^\n]+\n$/,
    ],
  ])('refuses %j in one line', async (args, message) => {
    const failure = await run(...args).catch((error) => error);
    expect(failure).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(message) });
  });
});

describeWithMpi('plusminus evaluate over ranks', { timeout: 120_000 }, () => {
  it('reaches the scores of one process, and continues with what it knows', async () => {
    const outOf = (name: string) => join(folder, `${name}.json`);
    const flags = (name: string) => [
      ...['evaluate', '--model', small.folder, '--tasks', 'paper,wikitext', '--data', data],
      ...['--out', outOf(name), '--threads', '1', '--json'],
    ];
    const [one, two] = [await mpirun(1, program, flags('one')), await mpirun(2, program, flags('two'))];
    expect(two.code, two.stderr).toBe(0);
    const tasksOf = ({ stdout }: { stdout: string }) => JSON.parse(stdout).tasks; // a whole: rank 0 alone speaks
    expect(tasksOf(two)).toEqual(tasksOf(one));
    const contentOf = async (name: string) => JSON.parse(await readFile(outOf(name), 'utf8')).scores;
    expect(await contentOf('two')).toEqual(await contentOf('one'));
    const linesOf = async (name: string) => readFile(`${outOf(name)}.scores.jsonl`, 'utf8');
    expect(await linesOf('two')).toBe(await linesOf('one'));

    // Half of it known, as after an interruption: the rest is added, nothing twice.
    const lines = (await linesOf('one')).split('\n');
    await writeFile(`${outOf('two')}.scores.jsonl`, `${lines.slice(0, lines.length / 2).join('\n')}\n`);
    const again = await mpirun(2, program, flags('two'));
    expect(tasksOf(again)).toEqual(tasksOf(one));
    expect(await linesOf('two')).toBe(await linesOf('one'));
  });
});
