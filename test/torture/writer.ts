/**
 * A process to be killed: writes the same thing again and again into a folder, and prints `done <n>` once write n has
 * returned. Usage: writer.ts <kind> <folder> <first n>
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFolder } from '../../src/checkpoint/replaceFolder.ts';
import { writeSafetensors } from '../../src/checkpoint/writeSafetensors.ts';
import { CpuEngine } from '../../src/engine/cpu/cpuEngine.ts';
import { ScoresFile } from '../../src/evaluate/scoresFile.ts';
import { saveTokenizer } from '../../src/text/saveTokenizer.ts';
import { listed } from '../../src/text/testing.ts';
import { TextTokenizer } from '../../src/text/tokenizer.ts';
import { trainBpe } from '../../src/text/trainBpe.ts';
import { writeShards } from '../../src/text/writeShards.ts';
import { beginRun } from '../../src/train/begin.ts';
import { Run } from '../../src/train/run.ts';
import { holdsRun } from '../../src/train/runFile.ts';
import { rhyme, smallSettings } from '../../src/train/testing.ts';

const [kind, folder, first] = process.argv.slice(2) as [string, string, string];
const done = (n: number) => process.stdout.write(`done ${n}\n`);

async function train(): Promise<void> {
  const machine = { engine: await CpuEngine.create({ threads: 0 }), limitBytes: 2 ** 32 };
  const settings = smallSettings({ steps: 1e6, saveEvery: 1, validation: 0, schedule: 'constant' });
  const model = { name: 'tiny', layers: 1, hiddenSize: 32, intermediateSize: 32 };
  const plan = { folder, data: () => listed([rhyme]), vocabulary: 270, model, settings };
  process.stdout.write('begin\n');
  const run = (await holdsRun(folder)) ? await Run.resume(folder, machine) : await beginRun(plan, machine);
  done(run.step);
  await run.train({ onLine: ({ step }) => done(step - 1) }); // the step before has been saved
}

async function again(write: (n: number) => Promise<unknown>): Promise<void> {
  process.stdout.write('begin\n');
  for (let n = Number(first); ; n++) {
    await write(n);
    done(n);
  }
}

function tensor(n: number) {
  const bytes = new Uint8Array(new Float32Array(20_000).fill(n).buffer);
  return [{ name: 'w', shape: [20_000], dtype: 'F32' as const, chunks: () => [bytes] }];
}

const kinds: Record<string, () => Promise<void>> = {
  train,
  checkpoint: () => again((n) => writeSafetensors(join(folder, 'w.safetensors'), tensor(n))),
  convert: () =>
    again((n) =>
      replaceFolder(join(folder, 'model'), async (temporary) => {
        await writeFile(join(temporary, 'config.json'), JSON.stringify({ n }));
        await writeSafetensors(join(temporary, 'model.safetensors'), tensor(n));
      }),
    ),
  shards: async () => {
    const { json, config } = await trainBpe(listed([rhyme]), { vocabularySize: 270 });
    const tokenizer = TextTokenizer.fromJson(json, config);
    await again((n) => writeShards(join(folder, `shards-${n}`), listed([rhyme]), tokenizer));
  },
  tokenizer: async () => {
    const { json, config } = await trainBpe(listed([rhyme]), { vocabularySize: 270 });
    await again((n) => saveTokenizer(folder, { json, config: { ...config, model_max_length: n } }));
  },
  scores: async () => {
    const file = await ScoresFile.open(join(folder, 'scores.jsonl'));
    const scores = [{ logLikelihood: -1, tokens: 3, greedy: false }];
    await again((n) => file.add({ key: `key ${n}`, task: 'piqa', item: n, scores }));
  },
};

await mkdir(folder, { recursive: true });
await kinds[kind]!();
