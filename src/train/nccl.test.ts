/**
 * Training over NVIDIA GPUs as users start it: npm run test:cuda. One rank through NCCL needs one card, two ranks need two.
 */
import { execFile, execFileSync } from 'node:child_process';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { cuda } from '../../test/engines.ts';
import { temporaryFolder } from '../checkpoint/testing.ts';
import { type Ended, processesWith, runUntil } from '../mpi/testing.ts';
import { readLog, type StepLine } from './log.ts';
import { rhyme } from './testing.ts';
import { savedStep } from './trainingState.ts';

const plusminus = join(import.meta.dirname, '../../bin/plusminus.js');
const cards = cuda.skip ? 0 : visibleCards();

/** nvidia-smi lists the cards of the host, CUDA_VISIBLE_DEVICES those that processes of this environment see. */
function visibleCards(): number {
  const visible = process.env.CUDA_VISIBLE_DEVICES;
  if (visible !== undefined) return visible.split(',').filter((card) => card.trim() !== '').length;
  return execFileSync('nvidia-smi', ['-L'], { encoding: 'utf8' }).trim().split('\n').length;
}

const size = ['--layers', '3', '--hidden-size', '256', '--intermediate-size', '512', '--vocab', '280'];
const small = [
  ...size,
  '--batch',
  '4',
  '--length',
  '64',
  '--warmup',
  '2',
  '--learning-rate',
  '0.001',
  '--engine',
  'cuda',
];

let folder: string;
let text: string;
const at = (name: string) => join(folder, name);
beforeEach(async () => {
  folder = await temporaryFolder();
  text = at('text.txt');
  await writeFile(text, rhyme.repeat(4));
});

function run(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [plusminus, ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
    });
  });
}

async function train(ranks: number, name: string, ...flags: string[]): Promise<string> {
  const begun = flags[0] === '--resume' ? [] : ['--data', text, ...small];
  const ended = await run('train', '--out', at(name), '--ranks', `${ranks}`, ...begun, ...flags);
  expect(ended.code, ended.stderr).toBe(0);
  return ended.stdout;
}

async function stepsOf(name: string): Promise<StepLine[]> {
  const lines = await readLog(join(at(name), 'log.jsonl'));
  return lines.filter(({ event }) => event === 'step') as StepLine[];
}

/**
 * Two runs have the same losses and norms. The first step differs by the rounding of sums in another order. Its update moves
 * a weight whose gradient is all rounding by a learning rate either way, so that a few weights on the border of two ternary
 * values differ in the second step: 1e-5 bears those, and is a hundredth of what other sequences in the batch make. From the
 * third step on, more weights lie on borders, as they do when one rank sums its passes in another order.
 */
const bounds = [
  { loss: 1e-6, gradientNorm: 1e-5 },
  { loss: 1e-5, gradientNorm: 1e-4 },
  { loss: 5e-3, gradientNorm: 3e-2 },
] as const;

async function expectSame(name: string, other: string): Promise<void> {
  const [found, expected] = [await stepsOf(name), await stepsOf(other)];
  expect(found).toHaveLength(expected.length);
  expected.forEach(({ loss, gradientNorm, step }, index) => {
    const bound = bounds[step - 1] ?? bounds[2];
    expect(Math.abs(found[index]!.loss / loss - 1), `loss of step ${step}`).toBeLessThan(bound.loss);
    expect(Math.abs(found[index]!.gradientNorm / gradientNorm - 1), `norm of step ${step}`).toBeLessThan(
      bound.gradientNorm,
    );
  });
}

describe.skipIf(cards < 1)('one rank of cuda through NCCL', { timeout: 300_000 }, () => {
  it('has the losses of one without, and its checkpoint is the same', async () => {
    const flags = ['--accumulation', '2', '--steps', '8'];
    await train(1, 'alone', ...flags);
    await train(1, 'connected', ...flags, '--shard-optimizer');
    await expectSame('connected', 'alone');
    await train(1, 'connected', '--resume', '--steps', '12');
    await train(1, 'alone', '--resume', '--steps', '12', '--shard-optimizer');
    await expectSame('connected', 'alone');
  });
});

describe.skipIf(cards < 2)('two ranks of cuda', { timeout: 300_000 }, () => {
  it.each([2, 8])(
    'have the losses of one with the same global batch: %s passes an update',
    async (passes) => {
      const flags = ['--accumulation', `${passes}`, '--steps', '10'];
      await train(1, 'one', ...flags);
      const said = await train(2, 'two', ...flags);
      expect(said).toMatch(/ {2}ranks {4}2 on one host/);
      await expectSame('two', 'one');
    },
  );

  it('end within seconds when one is killed, and continue as one and as two', async () => {
    const endless = ['--steps', '100000', '--save-every', '20', '--schedule', 'constant', '--json'];
    const args = ['train', '--data', text, '--out', at('killed'), ...small, ...endless, '--ranks', '2'];
    let killed = 0;
    const ended = await runUntil([process.execPath, plusminus, ...args], '"step":50,', async () => {
      killed = performance.now();
      for (const { pid, environment } of await processesWith(at('killed')))
        if (environment.includes('\0PLUSMINUS_RANK=1/2\0')) process.kill(pid, 'SIGKILL');
    });
    expect(performance.now() - killed, 'milliseconds until all have ended').toBeLessThan(5000);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/rank 1 of 2 was killed by SIGKILL/);
    expect(await processesWith(at('killed'))).toEqual([]);
    const saved = await savedStep(at('killed'));
    await cp(at('killed'), at('other'), { recursive: true });
    const more = ['--resume', '--steps', String(saved + 6)];
    await train(1, 'killed', ...more);
    await train(2, 'other', ...more);
    const last = (steps: readonly StepLine[]) => steps.slice(-6).map(({ step, loss }) => ({ step, loss }));
    const [one, two] = [last(await stepsOf('killed')), last(await stepsOf('other'))];
    expect(two.map(({ step }) => step)).toEqual(one.map(({ step }) => step));
    two.forEach(({ loss }, index) => expect(Math.abs(loss / one[index]!.loss - 1)).toBeLessThan(5e-3));
  });
});
