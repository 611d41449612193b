import { spawnSync } from 'node:child_process';
import { appendFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../checkpoint/config.ts';
import { temporaryFolder } from '../checkpoint/testing.ts';
import { ownMark } from '../processMark.ts';
import { beginRun, configOf, type RunPlan } from './begin.ts';
import { byteCounter } from './data.ts';
import { readLog, TrainingLog } from './log.ts';
import { Run } from './run.ts';
import { dataOf, rhyme, smallSettings, withMachine } from './testing.ts';

const model = { name: 'tiny', layers: 1, hiddenSize: 32, intermediateSize: 32 };

async function begin(plan: Partial<RunPlan> & Pick<RunPlan, 'folder' | 'data'>) {
  return withMachine(async (machine) => {
    const run = await beginRun({ model, vocabulary: 280, settings: smallSettings(), ...plan }, machine);
    await run.close();
    return run;
  });
}

describe('beginning a run', () => {
  it('takes text, JSON lines and packed files, and gives a model folder', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'a.txt'), rhyme);
    await writeFile(join(folder, 'b.jsonl'), `${JSON.stringify({ text: rhyme })}\n`);
    await writeFile(join(folder, 'c.txt.zst'), zstdCompressSync(rhyme));
    const runs = [];
    for (const name of ['a.txt', 'b.jsonl', 'c.txt.zst']) {
      runs.push(await begin({ folder: join(folder, name, '..', `run-${name}`), data: [join(folder, name)] }));
    }
    expect(new Set(runs.map((run) => run.data.shards.tokenCount)).size).toBe(1);
    expect(await readdir(join(folder, 'run-a.txt'))).toEqual(
      ['config.json', 'model.safetensors', 'optimizer-0.safetensors', 'tokenizer.json'].concat(
        ...['tokenizer_config.json', 'tokens', 'training.json'],
      ),
    );
  });

  it('uses the shards of another run where they are, with its tokenizer', async () => {
    const folder = await temporaryFolder();
    const { tokenizer, shards } = await dataOf(join(folder, 'first'));
    await shards.close();
    await writeFile(join(folder, 'first', 'tokenizer.json'), JSON.stringify(tokenizer.json));
    const run = await begin({ folder: join(folder, 'second'), data: [join(folder, 'first', 'tokens')] });
    expect(run.data.tokenizer.json).toEqual(tokenizer.json);
    expect(await readdir(join(folder, 'second'))).not.toContain('tokens');
  });

  it('takes the tokenizer of a model by name, and says what a name may be', async () => {
    const folder = await temporaryFolder();
    const data = async function* () {
      yield rhyme.repeat(20);
    };
    const plan = { folder: join(folder, 'run'), data: () => data() };
    const run = await begin({ ...plan, tokenizer: 'plusminus/chat' });
    expect(run.data.tokenizer.chatTemplate).toBeDefined();
    for (const name of ['from', 'tokenizer'] as const) {
      await expect(begin({ ...plan, folder: join(folder, 'other'), [name]: 'nothing' })).rejects.toThrow(
        /no folder or file "nothing" found; expected a model folder/,
      );
    }
    expect(await readdir(folder)).toEqual(['run']);
  });

  it('tells a file of JSON, which is not a mix, from texts', async () => {
    const folder = await temporaryFolder();
    const texts = join(folder, 'texts.json');
    await writeFile(texts, JSON.stringify([{ text: rhyme }]));
    await expect(begin({ folder: join(folder, 'run'), data: [texts] })).rejects.toThrow(
      /texts\.json: found no tokenizer .* expected \.txt or \.jsonl/,
    );
  });

  it('refuses a folder that is in use, and says how to continue with a run', async () => {
    const folder = await temporaryFolder();
    const data = async function* () {
      yield rhyme;
    };
    await begin({ folder: join(folder, 'run'), data: () => data() });
    await expect(begin({ folder: join(folder, 'run'), data: () => data() })).rejects.toThrow(/add --resume/);
    await expect(begin({ folder, data: () => data() })).rejects.toThrow(
      'found 1 files, expected a new or an empty folder',
    );
  });

  it('refuses a folder in which a run is in progress, and deletes nothing of it', async () => {
    const folder = await temporaryFolder();
    const [run, text] = [join(folder, 'run'), join(folder, 'text.txt')];
    await writeFile(text, rhyme);
    await withMachine(async (machine) => {
      const plan = { folder: run, data: [text], model, vocabulary: 280, settings: smallSettings() };
      const onTokenizer = async () => {
        await expect(begin(plan)).rejects.toThrow(`process ${process.pid} on`); // while the other prepares
      };
      const attempts: Promise<void>[] = [];
      const first = await beginRun({ ...plan, onTokenizer: () => attempts.push(onTokenizer()) }, machine);
      await Promise.all(attempts);
      expect(attempts.length).toBeGreaterThan(0);
      await expect(begin(plan)).rejects.toThrow('is writing there, expected a folder of its own');
      await expect(Run.resume(run, machine)).rejects.toThrow('is writing there');
      expect(await first.train()).toBe('finished');
      await first.close();
      const again = await Run.resume(run, machine); // the lock is gone
      await again.close();
    });
  });

  it('continues in a folder that a killed process left half prepared, and deletes only its leftovers', async () => {
    const folder = await temporaryFolder();
    const [run, text] = [join(folder, 'run'), join(folder, 'text.txt')];
    await writeFile(text, rhyme);
    const ended = spawnSync(process.execPath, ['-e', '']).pid;
    const leave = async (...names: string[]) => {
      await mkdir(run, { recursive: true });
      for (const name of names) {
        if (name.startsWith('tokens')) await mkdir(join(run, name));
        await writeFile(join(run, name.startsWith('tokens') ? `${name}/tokens-00000.bin` : name), '');
      }
    };
    const host = ownMark().split('-').slice(2).join('-');
    await leave('.preparing', `.lock-${ended}-7-${host}`, 'tokens', 'tokenizer.json', 'model.safetensors');
    await withMachine(async (machine) => {
      await expect(Run.resume(run, machine)).rejects.toThrow(
        /killed while it was prepared.*without --resume/,
      );
    });
    await begin({ folder: run, data: [text] });
    expect(await readdir(run)).toHaveLength(7);
    await rm(run, { recursive: true });
    await leave(`tokens.partial-${ended}`); // of earlier versions
    await begin({ folder: run, data: [text] });
    await rm(run, { recursive: true });
    await leave('.preparing', 'notes.txt');
    await expect(begin({ folder: run, data: [text] })).rejects.toThrow('found 1 files');
    expect(await readdir(run)).toEqual(['notes.txt']);
  });

  it('leaves nothing behind if it fails or is aborted', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'short.txt'), 'too short to train on');
    const inside = () => readdir(folder);
    const plan = { folder: join(folder, 'run'), data: [join(folder, 'short.txt')] };
    await expect(begin(plan)).rejects.toThrow(/corpus: found \d+ tokens, expected at least/);
    expect(await inside()).toEqual(['short.txt']);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(begin({ ...plan, signal })).rejects.toThrow('enough');
    await mkdir(plan.folder);
    await expect(begin({ ...plan, signal })).rejects.toThrow('enough');
    expect(await readdir(plan.folder)).toEqual([]);
  });

  it('refuses a tokenizer with ids that the checkpoint has no row for', async () => {
    const folder = await temporaryFolder();
    const data = [join(folder, 'text.txt')];
    await writeFile(data[0]!, rhyme);
    await begin({ folder: join(folder, 'few'), data, vocabulary: 260 });
    await begin({ folder: join(folder, 'many'), data, vocabulary: 270 });
    const [from, tokenizer] = [join(folder, 'few'), join(folder, 'many')];
    await expect(begin({ folder: join(folder, 'both'), data, from, tokenizer })).rejects.toThrow(
      "found a vocabulary of 270 tokens, expected at most the model's 260",
    );
  });

  it('makes the longest sequence of a model that attends that of its training, or of a longer one before', async () => {
    const folder = await temporaryFolder();
    const data = [join(folder, 'text.txt')];
    await writeFile(data[0]!, rhyme);
    const longest = async (name: string, length: number, more: Partial<RunPlan> = {}) => {
      await begin({ folder: join(folder, name), data, settings: smallSettings({ length }), ...more });
      return (await readConfig(join(folder, name))).maxPositionEmbeddings;
    };
    const llama = { ...model, architecture: 'llama' as const };
    const from = join(folder, 'first');
    expect(await longest('first', 16, { model: llama })).toBe(16);
    expect(await longest('shorter', 8, { from })).toBe(16);
    expect(await longest('longer', 24, { from })).toBe(24);
    expect(await longest('recurrent', 16)).toBe(2048); // nothing breaks beyond its training
    const rwkv = { ...model, architecture: 'rwkv' as const };
    expect(await longest('rwkv', 16, { model: rwkv })).toBe(2048);
  });

  it.each([
    [{ name: 'huge' }, 'model: found "huge", expected one of tiny, mini'],
    [{ name: 'tiny', layers: 0 }, 'model: num_hidden_layers: found 0, expected an integer from 1 to 2048'],
    [{ name: 'tiny', hiddenSize: 2.5 }, 'model: hidden_size: found 2.5, expected an integer'],
  ])('refuses the model %j', (choice, message) => {
    expect(() => configOf(choice)).toThrow(message);
  });
});

describe('the bytes of tokens', () => {
  it('add up to those of the text, whatever its script, without special tokens', async () => {
    const { tokenizer, shards } = await dataOf(await temporaryFolder());
    await shards.close();
    const text = 'Subtract — naïve 数 😀';
    expect(byteCounter(tokenizer)(Int32Array.from(tokenizer.encode(text)))).toBe(Buffer.byteLength(text));
  });
});

describe('the log', () => {
  it('drops a torn last line, and lines after the step at which it is opened', async () => {
    const path = join(await temporaryFolder(), 'log.jsonl');
    const line = (step: number) => ({ event: 'validation', step, loss: step, bitsPerByte: 1 }) as const;
    const log = await TrainingLog.open(path, 0);
    for (const step of [1, 2, 3]) await log.append(line(step));
    await log.close();
    await appendFile(path, '{"event":"validation","st');
    const again = await TrainingLog.open(path, 2);
    await again.append(line(3));
    await again.close();
    expect(await readLog(path)).toEqual([line(1), line(2), line(3)]);
  });
});
