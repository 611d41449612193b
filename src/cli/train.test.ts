import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { temporaryFolder } from '../checkpoint/testing.ts';
import { readLog } from '../train/log.ts';
import { rhyme, stateFiles } from '../train/testing.ts';
import { savedStep } from '../train/trainingState.ts';
import { catchInterrupt, interruptByBrokenPipe } from './interrupt.ts';
import { interruptible } from './openModel.ts';
import { duration } from './progress.ts';
import { trainCommand } from './train.ts';

const program = join(import.meta.dirname, '../../bin/plusminus.js');
const size = ['--layers', '1', '--hidden-size', '32', '--intermediate-size', '32', '--vocab', '270'];
const small = [...size, '--batch', '2', '--length', '32', '--threads', '1'];

/** Runs the command in a process of its own. @param onOutput called for each piece of stdout */
function plusminus(args: readonly string[], onOutput = (_kill: (signal: NodeJS.Signals) => void) => {}) {
  const child = spawn(process.execPath, [program, ...args]);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data) => {
    stdout += data;
    onOutput((signal) => child.kill(signal));
  });
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

const inProcess = (...args: string[]) => trainCommand().exitOverride().parseAsync(args, { from: 'user' });

let folder: string;
let text: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  text = join(folder, 'text.txt');
  await writeFile(text, rhyme);
});

describe('plusminus train', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)(
    'saves on %s with exit code %d, says how to continue, and ends with the same bits',
    async (signal, exitCode) => {
      const args = (out: string) => [
        'train',
        '--data',
        text,
        '--out',
        join(folder, out),
        ...small,
        '--steps',
        '150',
        '--json',
      ];
      let interrupted = false;
      const first = await plusminus(args('parts'), (kill) => {
        if (!interrupted) kill(signal);
        interrupted = true;
      });
      expect(first.code).toBe(exitCode);
      expect(first.stderr).toMatch(
        /Saved after step \d+ of 150\. Resume: npx plusminus train --resume --out/,
      );
      const second = await plusminus(['train', '--resume', '--out', join(folder, 'parts'), '--threads', '1']);
      expect(second.code).toBe(0);
      expect(second.stdout).toMatch(/loss .* nats a token in training, .* bits a byte/);
      const whole = await plusminus(args('whole'));
      expect(await stateFiles(join(folder, 'parts'))).toEqual(await stateFiles(join(folder, 'whole')));
      // What --json prints is the log.
      const printed = whole.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(printed).toEqual(await readLog(join(folder, 'whole', 'log.jsonl')));
      expect(existsSync(join(folder, 'parts', 'loss.svg'))).toBe(true);
    },
  );

  it('saves when nobody reads its output any more', async () => {
    const out = join(folder, 'piped');
    const args = ['train', '--data', text, '--out', out, ...small, '--steps', '2000', '--json'];
    const child = spawn(process.execPath, [program, ...args]);
    child.stdout.once('data', () => child.stdout.destroy()); // as `head -1` does
    let stderr = '';
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(code).toBe(141);
    expect(stderr).toMatch(/Saved after step \d+ of 2000/);
    expect(await savedStep(out)).toBeGreaterThan(0);
  });

  it('fine-tunes a model on conversations, whose answers alone are learned', async () => {
    vi.spyOn(console, 'log').mockImplementation(() => {});
    const [base, chat] = [join(folder, 'base'), join(folder, 'chat')];
    const talks = join(folder, 'talks.jsonl');
    const messages = [
      { role: 'user', content: 'Subtract?' },
      { role: 'assistant', content: 'And add.' },
    ];
    await writeFile(talks, `${JSON.stringify({ messages })}\n`.repeat(60));
    const begin = ['--data', text, '--out', base, ...small, '--steps', '2', '--json'];
    await inProcess(...begin);
    const tune = [
      '--chat',
      talks,
      '--from',
      base,
      '--out',
      chat,
      '--batch',
      '2',
      '--length',
      '48',
      '--threads',
      '1',
    ];
    await expect(inProcess(...tune, '--json')).rejects.toThrow('chat_template: found none');
    const config = JSON.parse(await readFile(join(base, 'tokenizer_config.json'), 'utf8'));
    config.chat_template =
      '{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}' +
      '{% if add_generation_prompt %}assistant:{% endif %}';
    await writeFile(join(base, 'tokenizer_config.json'), JSON.stringify(config));
    await inProcess(...tune, '--steps', '40', '--warmup', '2', '--learning-rate', '0.02', '--json');
    const log = await readLog(join(chat, 'log.jsonl'));
    expect(log.at(-1)!.loss).toBeLessThan(1);
    expect(log[1]!.loss).toBeGreaterThan(3);
    await expect(inProcess(...tune, '--data', text)).rejects.toThrow('--chat: found --data too');
    vi.restoreAllMocks();
  });

  it('says in one line what is wrong', async () => {
    const { code, stderr } = await plusminus(['train', '--out', folder, '--data', text]);
    expect(code).toBe(1);
    expect(stderr).toBe(`plusminus: ${folder}: found 1 files, expected a new or an empty folder\n`);
  });

  it.each([
    [
      ['--resume', '--batch', '4', '--decay-all'],
      '--resume: found --batch, --decay-all too, but a resumed run keeps',
    ],
    [['--resume'], 'training.json: not found; expected the folder of a training run'],
    [[], '--data: found nothing, expected texts to train on, or --chat, or --resume'],
    [['--data', 'a.txt', '--steps', '0'], 'steps: found 0, expected an integer from 1'],
    [['--data', 'a.txt', '--from', 'x', '--hidden-size', '8'], '--from: found --hidden-size too'],
    [['--data', 'a.txt', '--model', 'big'], 'model: found "big", expected one of tiny'],
    [['--data', 'missing.txt'], 'missing.txt: found no such file'],
  ])('refuses %j', async (args, message) => {
    await expect(inProcess('--out', join(folder, 'run'), '--threads', '0', ...args)).rejects.toThrow(message);
    expect(existsSync(join(folder, 'run'))).toBe(false);
  });
});

describe('Ctrl-C', () => {
  afterEach(() => vi.restoreAllMocks());

  it('the first aborts, the second ends the process, and afterwards it means what it did before', () => {
    const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
    const before = process.listenerCount('SIGINT');
    const told = vi.fn();
    const interrupt = catchInterrupt(told);
    process.emit('SIGINT', 'SIGINT');
    expect(interrupt.signal.aborted).toBe(true);
    expect(told).toHaveBeenCalledOnce();
    expect(exit).not.toHaveBeenCalled();
    expect(interrupt.exitCode).toBe(130);
    process.emit('SIGTERM', 'SIGTERM');
    expect(exit).toHaveBeenCalledWith(143);
    interrupt.release();
    expect(process.listenerCount('SIGINT')).toBe(before);
  });
});

describe('a closed output', () => {
  it('interrupts work that is saved, and ends any other command at once', async () => {
    const until = (signal: AbortSignal) =>
      new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    const saving = interruptible(until, { savesWork: true });
    expect(interruptByBrokenPipe()).toBe(true);
    await saving;
    expect(process.exitCode).toBe(141);
    process.exitCode = undefined;
    await interruptible(async () => expect(interruptByBrokenPipe()).toBe(false));
  });
});

describe('durations', () => {
  it.each([
    [0, '0:00'],
    [59.6, '1:00'],
    [754, '12:34'],
    [3723, '1:02:03'],
  ])('%d seconds are %s', (seconds, shown) => expect(duration(seconds)).toBe(shown));
});
