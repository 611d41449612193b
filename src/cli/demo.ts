/** `plusminus demo`: everything once, in about a minute: reads a book, trains on it, generates text, counts operations. */
import { rm } from 'node:fs/promises';
import { Command } from 'commander';
import { isBundled, storiesModel } from '../checkpoint/bundledModels.ts';
import { InputError } from '../errors.ts';
import { FolderLock } from '../folderLock.ts';
import { formatBytes, formatCount } from '../format.ts';
import { LanguageModel } from '../languageModel.ts';
import { architectureOf } from '../model/architecture.ts';
import { type Audit, auditModel, auditTable } from '../run/audit.ts';
import { beginRun } from '../train/begin.ts';
import { withMachine } from '../train/machine.ts';
import type { Run } from '../train/run.ts';
import { holdsRun } from '../train/runFile.ts';
import { parseSettings } from '../train/settings.ts';
import { dataProgress } from './dataProgress.ts';
import { catchInterrupt, type Interrupt } from './interrupt.ts';
import { mobyDick } from './mobyDick.ts';
import { integer } from './options.ts';
import { writeText } from './output.ts';
import { runTraining, summarise } from './runTraining.ts';

const folder = 'runs/demo';
/** About a minute on two cores. The one number to change if kernels or machines become faster. */
const steps = 900;
const vocabulary = 2048;
const model = { name: 'tiny', layers: 2, hiddenSize: 128, intermediateSize: 256 };
const settings = {
  ...{ batch: 4, length: 128, learningRate: 0.015, warmup: 20 },
  ...{ validateEvery: 100, saveEvery: 300, validation: 64 },
};
const prompt = 'Call me Ishmael.';
const opening = 'Once upon a time';
const sampling = { maxTokens: 120, temperature: 0.7, topP: 0.9, seed: 1851 };

interface Flags {
  readonly steps: number;
  readonly threads?: number;
  readonly json?: boolean;
}

export function demoCommand(): Command {
  return new Command('demo')
    .description('Train a small model on Moby-Dick, generate text, and count the operations of a token.')
    .option('--steps <n>', 'updates of the weights', integer(1, 1e6), steps)
    .option(
      '--threads <n>',
      'worker threads (default: all cores; of 8 and more, all but one)',
      integer(0, 256),
    )
    .option('--json', 'print JSON lines for machines')
    .addHelpText('after', `\nExample:\n  $ plusminus demo\n\nWrites ${folder}, which each run replaces.`)
    .action(demo);
}

async function demo(flags: Flags): Promise<void> {
  const interrupt = catchInterrupt(() => console.error('\nStopping; Ctrl-C again ends at once.'), {
    savesWork: true,
  });
  const say = (text: string) => flags.json || console.log(text);
  try {
    if (await isBundled(storiesModel)) await showBundledModel(flags, interrupt, say);
    say('A language model without matrix multiplication learns from Moby-Dick, on this machine.\n');
    if (!(await learn(flags, interrupt, say))) return;
    const text = await continueStory(flags, interrupt, say);
    if (interrupt.signal.aborted) return;
    const audit = await count(say);
    if (flags.json) console.log(JSON.stringify({ event: 'demo', folder, prompt, text, audit }));
    say(whatNext(flags.steps));
  } catch (error) {
    if (!interrupt.signal.aborted || error !== interrupt.signal.reason) throw error;
    console.error('Interrupted.');
    process.exitCode = interrupt.exitCode;
  } finally {
    interrupt.release();
  }
}

/** Shows a larger model that was trained for longer: the bundled one. */
async function showBundledModel(flags: Flags, { signal }: Interrupt, say: Say): Promise<void> {
  const model = await LanguageModel.load(storiesModel, { threads: flags.threads, signal });
  try {
    const ternary = architectureOf(model.config)
      .parameters()
      .filter(({ role }) => role === 'ternary');
    const weights = ternary.reduce((sum, { shape }) => sum + shape[0]! * shape[1]!, 0);
    say(`0  The bundled model, ${formatCount(weights)} ternary weights, continues "${opening}"\n`);
    if (!flags.json) await writeText(`   ${opening}`);
    for await (const piece of model.generate(opening, { ...sampling, signal })) {
      if (!flags.json) await writeText(piece.replaceAll('\n', '\n   '));
    }
    say('\n');
  } finally {
    await model.dispose();
  }
}

type Say = (text: string) => unknown;

/** Reads the book and trains on it. Returns whether training reached its end. */
async function learn(flags: Flags, interrupt: Interrupt, say: Say): Promise<boolean> {
  const chapters = await mobyDick();
  if (await holdsRun(folder)) {
    await FolderLock.take(folder); // not while another demo trains there; removed with the folder
    say(`   (${folder} holds an earlier demo, which this one replaces)`);
    await rm(folder, { recursive: true });
  }
  return withMachine(flags, async (machine) => {
    const progress = dataProgress(flags.json);
    const began = performance.now();
    const plan = {
      ...{ folder, model, vocabulary, signal: interrupt.signal },
      ...{ data: () => listed(chapters), settings: parseSettings({ ...settings, steps: flags.steps }) },
      ...progress.callbacks,
    };
    const run = await beginRun(plan, machine).finally(progress.clear);
    try {
      say(describeReading(chapters, run, (performance.now() - began) / 1000));
      say(describeTraining(run));
      const outcome = await runTraining(run, { interrupt, json: flags.json });
      for (const line of await summarise(run)) say(line);
      if (outcome === 'finished') return true;
      console.error(`Saved after step ${run.step}. Resume: npx plusminus train --resume --out ${folder}`);
      process.exitCode = interrupt.exitCode;
      return false;
    } finally {
      await run.close();
    }
  });
}

async function* listed(texts: readonly string[]): AsyncGenerator<string> {
  yield* texts;
}

function describeReading(chapters: readonly string[], { data }: Run, seconds: number): string {
  const characters = chapters.reduce((sum, { length }) => sum + length, 0);
  return [
    `1  Reading: ${chapters.length} chapters, ${formatCount(characters)} characters`,
    `   A tokenizer of ${data.tokenizer.vocabularySize} entries, learned from them, makes that ` +
      `${formatCount(data.shards.tokenCount)} tokens (${seconds.toFixed(1)} s).`,
    '',
  ].join('\n');
}

function describeTraining({ trainer, settings, tokensPerStep }: Run): string {
  const { needs, config, engine } = trainer;
  return [
    `2  Training: ${settings.steps} steps of ${tokensPerStep} tokens`,
    `   ${config.layers} layers of width ${config.hiddenSize}, ${formatCount(needs.parameters)} parameters, ` +
      `${formatBytes(needs.totalBytes)} of memory; ${engine.description}`,
  ].join('\n');
}

async function continueStory(flags: Flags, { signal }: Interrupt, say: Say): Promise<string> {
  const model = await LanguageModel.load(folder, { threads: flags.threads, signal });
  try {
    say(`\n3  Writing: after "${prompt}"\n`);
    if (!flags.json) await writeText(`   ${prompt}`);
    let text = '';
    let tokens = 0;
    const began = performance.now();
    for await (const piece of model.generate(prompt, { ...sampling, signal, onToken: () => tokens++ })) {
      text += piece;
      if (!flags.json) await writeText(piece.replaceAll('\n', '\n   '));
    }
    const rate = tokens / ((performance.now() - began) / 1000);
    say(
      `\n\n   ${tokens} tokens, ${Math.round(rate)} a second. So short a training gives the book's sound, not its sense.`,
    );
    return text;
  } finally {
    await model.dispose();
  }
}

/** The audit: the claim in the project's name, checked against the recorded program. */
async function count(say: Say): Promise<Audit> {
  const { readConfig } = await import('../checkpoint/config.ts');
  const audit = auditModel(await readConfig(folder), 'f32');
  if (audit.total.productMultiplications > 0) {
    throw new InputError('audit: found multiplications in matrix products, expected none');
  }
  say('\n4  Counting: what one token takes\n');
  for (const line of auditTable(audit, (process.stdout.columns ?? 1000) - 3)) say(`   ${line}`);
  const { total, transformer } = audit;
  const share = (100 * total.multiplications) / (total.additions + total.multiplications);
  say(
    `\n   Multiplications in matrix products: ${formatCount(transformer.productMultiplications)} in a Transformer, ` +
      `none here.\n   The ${formatCount(total.multiplications)} that are left, ${share.toFixed(1)}% of all operations, ` +
      'are in the norms, gates and scales between them.',
  );
  return audit;
}

function whatNext(done: number): string {
  return `
5  Next
   Talk to the bundled one  npx plusminus chat
   See the loss fall        ${folder}/loss.svg
   Let it write more        npx plusminus generate --model ${folder} "The white whale"
   Look inside              npx plusminus inspect ${folder}
   Train it for longer      npx plusminus train --resume --out ${folder} --steps ${2 * done}
   Train on your own text   npx plusminus train --data book.txt --out runs/book`;
}
