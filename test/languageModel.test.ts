/** The public API, as its users call it. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convertCheckpoint } from '../src/checkpoint/convert.ts';
import { SafetensorsFile } from '../src/checkpoint/safetensors.ts';
import { type Finish, type GenerateOptions, InputError, LanguageModel } from '../src/index.ts';
import { golden, makeSmallModel, type SmallModel, smallConfig } from './smallModel.ts';

const run = promisify(execFile);
const greedy: GenerateOptions = { temperature: 0, maxTokens: 24, stopAtEos: false };
const seeded: GenerateOptions = {
  temperature: 1.2,
  topP: 0.95,
  repetitionPenalty: 1.3,
  seed: 7,
  maxTokens: 24,
};

async function collect(pieces: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const piece of pieces) text += piece;
  return text;
}

let small: SmallModel;
let model: LanguageModel;

beforeAll(async () => {
  small = await makeSmallModel();
  model = await LanguageModel.load(small.folder, { threads: 1 });
});
afterAll(async () => {
  await model?.dispose();
  await small?.remove();
});

describe('load', () => {
  it('knows config, tokenizer, memory and engine', () => {
    expect(model.config).toEqual(smallConfig);
    expect(model.tokenizer!.vocabularySize).toBe(600);
    expect(model.engine).toMatch(/^cpu \(WebAssembly.*1 thread/);
    const { weights, statePerSequence, temporaries, inUse } = model.memory;
    expect(statePerSequence).toBe(3 * 96 * 4);
    expect(weights).toBeGreaterThan(600 * 96 * 2);
    expect(temporaries).toBeGreaterThan(256 * 96 * 4);
    expect(inUse).toBeGreaterThanOrEqual(weights);
  });

  it('reports progress to the end', async () => {
    const seen: [string, number, number][] = [];
    const onProgress = ({ phase, loaded, total }: { phase: string; loaded: number; total: number }) =>
      seen.push([phase, loaded, total]);
    const loaded = await LanguageModel.load(golden, { threads: 0, onProgress });
    await loaded.dispose();
    const [phase, done, total] = seen.at(-1)!;
    expect([phase, done]).toEqual(['load', total]);
  });

  it('stops when aborted', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(LanguageModel.load(golden, { signal })).rejects.toThrow('enough');
  });

  it.each([
    ['nowhere', {}, /no folder or file "nowhere" found; expected a model folder/],
    [`${golden}/config.json`, {}, /found a file, expected the folder that holds it/],
    ['', {}, /model: found "", expected a model folder/],
    ['ftp://example.com/a/b', {}, /expected https:\/\/huggingface\.co\/owner\/name/],
    ['http://huggingface.co/a/b', {}, /expected https:/],
    ['https://huggingface.co/a', {}, /expected https:/],
    [join(golden, '..'), {}, /config\.json: not found/],
    [golden, { engine: 'abacus' }, /engine: found "abacus", expected auto, cpu, webgpu/],
    [golden, { threads: -1 }, /threads: found -1, expected an integer from 0/],
    [golden, { threads: 1.5 }, /threads: found 1.5/],
    [golden, { treads: 2 }, /treads: no such option/],
  ])('refuses %s %j', async (source, options, message) => {
    const error = await LanguageModel.load(source, options as object).then(
      () => expect.unreachable(),
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toMatch(message);
  });
});

describe('forward', () => {
  it('gives the logits that the released code computed', async () => {
    const file = await SafetensorsFile.open(`${golden}/expected.safetensors`);
    const ids = [...new Int32Array((await file.read('input_ids')).slice().buffer)];
    const expected = new Float32Array((await file.read('logits')).slice().buffer);
    await file.close();
    const released = await LanguageModel.load(golden, { threads: 1 });
    const { logits } = await released.forward(ids.slice(0, 24));
    expect(logits.length).toBe(24 * 96);
    for (const [i, value] of logits.entries()) expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-4);
    await released.dispose();
  });

  it('gives the same bits for float and packed weights, and for any number of threads', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'plusminus-test-'));
    const tokens = Array.from({ length: 45 }, (_, i) => (i * 37) % 96);
    const all: Float32Array[] = [];
    await convertCheckpoint(golden, join(folder, 'packed'), { to: 'packed' });
    for (const [source, threads] of [
      [golden, 0],
      [golden, 2],
      [join(folder, 'packed'), 1],
    ] as const) {
      const one = await LanguageModel.load(source, { threads });
      all.push((await one.forward(tokens)).logits);
      await one.dispose();
    }
    expect(all[1]).toEqual(all[0]);
    expect(all[2]).toEqual(all[0]);
    await rm(folder, { recursive: true });
  });

  it.each([
    [[], /found no token, expected at least one/],
    [[1, 600], /token 1: found 600, expected an integer from 0 to 599/],
    [[-1], /token 0: found -1/],
    [[0.5], /token 0: found 0.5/],
    [new Array(1e6).fill(1), /forward: the logits of 1000000 tokens take 2400000000 bytes/],
  ])('refuses %#', async (tokens, message) => {
    await expect(model.forward(tokens)).rejects.toThrow(message);
    await expect(model.forward(tokens)).rejects.toBeInstanceOf(InputError);
  });
});

describe('score', () => {
  const questions = [
    { context: [1, 415], continuations: [[7], [300, 9, 12]] },
    { context: [5], continuations: [[6, 5]] },
  ];

  it('tells of each token what the logits before it say', async () => {
    const scores = await model.score(questions);
    for (const [k, { context, continuations }] of questions.entries()) {
      for (const [n, ids] of continuations.entries()) {
        const { logits } = await model.forward([...context, ...ids]);
        for (const [at, id] of ids.entries()) {
          const start = (context.length - 1 + at) * 600;
          const row = [...logits.subarray(start, start + 600)];
          const total = Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0));
          const { logProbability, greedy } = scores[k]![n]![at]!;
          expect(logProbability).toBeCloseTo(row[id]! - total, 10);
          expect(greedy).toBe(row.indexOf(Math.max(...row)) === id);
        }
      }
    }
  });

  it('is independent of what else runs, and refuses what makes no sense', async () => {
    const [alone, text] = [await model.score(questions), await collect(model.generate('Call me', greedy))];
    const both = await Promise.all([model.score(questions), collect(model.generate('Call me', greedy))]);
    expect(both).toEqual([alone, text]);
    await expect(model.score([{ context: [], continuations: [[1]] }])).rejects.toThrow(InputError);
    await expect(model.score(questions, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      'enough',
    );
  });
});

describe('generate', () => {
  it('repeats itself greedily and for a seed', async () => {
    const text = await collect(model.generate('Call me', greedy));
    expect(text.length).toBeGreaterThan(0);
    expect(await collect(model.generate('Call me', greedy))).toBe(text);
    expect(await collect(model.generate('Call me', seeded))).toBe(
      await collect(model.generate('Call me', seeded)),
    );
    expect(await collect(model.generate(model.tokenizer!.encode('Call me'), greedy))).toBe(text);
  });

  it('keeps simultaneous generations apart', async () => {
    const prompts = ['Call me Ishmael.', 'The whale', 'Loomings', ''];
    const alone: string[] = [];
    for (const prompt of prompts) alone.push(await collect(model.generate(prompt, seeded)));
    const together = await Promise.all(prompts.map((prompt) => collect(model.generate(prompt, seeded))));
    expect(together).toEqual(alone);
  });

  it('stops when aborted and tells why', async () => {
    const stop = new AbortController();
    let finish: Finish | undefined;
    const options = { ...greedy, signal: stop.signal, onFinish: (one: Finish) => (finish = one) };
    for await (const _ of model.generate('a', { ...options, maxTokens: 1000 })) stop.abort();
    expect(finish!.reason).toBe('abort');
  });

  it('uses no more memory however long it runs', async () => {
    const once = async () => {
      for (const prompt of ['a', 'Call me Ishmael. Some years ago', 'x'.repeat(300)]) {
        await collect(model.generate(prompt, { ...greedy, maxTokens: 3 }));
      }
      await model.forward([1, 2, 3]);
      const session = model.session();
      await session.append('Some years ago');
      model.restore(session.save()).fork();
    };
    await once();
    const before = model.memory.inUse;
    for (let i = 0; i < 30; i++) await once();
    expect(model.memory.inUse).toBe(before);
  });

  it('runs on tokens where there is no tokenizer', async () => {
    const bare = await LanguageModel.load(golden, { threads: 0 });
    expect(bare.tokenizer).toBeUndefined();
    await expect(collect(bare.generate('text'))).rejects.toThrow(/no tokenizer: put its tokenizer.json/);
    await expect(bare.session().append('text')).rejects.toBeInstanceOf(InputError);
    const ids: number[] = [];
    const options = { ...greedy, maxTokens: 5, onToken: (id: number) => ids.push(id) };
    expect(await collect(bare.generate([1, 2, 3], options))).toBe('');
    expect(ids).toHaveLength(5);
    await bare.dispose();
  });
});

describe('session', () => {
  it('continues as one long generation would', async () => {
    const whole = await collect(model.generate('Call me', greedy));
    const session = model.session();
    await session.append('Call me');
    const read = session.tokens;
    let text = '';
    for (const maxTokens of [1, 10, 0, 13]) text += await collect(session.generate({ ...greedy, maxTokens }));
    expect(text).toBe(whole);
    expect(session.tokens).toBe(read + 24);
  });

  it.each([
    ['greedy', greedy],
    ['seeded', seeded],
  ])('saved, restored and forked at any point, it continues the same way, %s', async (_, options) => {
    const session = model.session();
    for (const text of ['Some years ago', ' - never mind', ' how long precisely']) {
      await session.append(text);
      const [saved, fork] = [session.save(), session.fork()];
      const restored = model.restore(saved);
      const other = await LanguageModel.load(small.folder, { threads: 0 });
      const elsewhere = other.restore(saved);
      const expected = await collect(session.generate(options));
      expect(await collect(fork.generate(options))).toBe(expected);
      expect(await collect(restored.generate(options))).toBe(expected);
      expect(await collect(elsewhere.generate(options))).toBe(expected);
      expect(restored.tokens).toBe(session.tokens);
      expect(restored.save()).toEqual(session.save());
      await other.dispose();
    }
  });

  it('can be saved and left in the middle of a generation', async () => {
    const session = model.session();
    await session.append('The whale');
    const pieces: string[] = [];
    let saved = session.save();
    for await (const piece of session.generate(greedy)) {
      pieces.push(piece);
      saved = session.save();
      if (pieces.length === 5) break;
    }
    const here = await collect(session.generate(greedy));
    expect(await collect(model.restore(saved).generate(greedy))).toBe(here);
    const whole = await collect(model.generate('The whale', { ...greedy, maxTokens: 60 }));
    expect(whole.startsWith(pieces.join('') + here)).toBe(true);
  });

  it('is small, however long', async () => {
    const session = model.session();
    await session.append('word '.repeat(2000));
    expect(session.tokens).toBeGreaterThan(2000);
    expect(session.save().length).toBeLessThan(4 * (3 * 96 + 1024) + 100);
  });

  it('gives the logits of the next token', async () => {
    const session = model.session();
    await expect(session.logits()).rejects.toThrow('session: found no token');
    await session.append([5, 6, 7]);
    const next = await session.logits();
    const { logits } = await model.forward([5, 6, 7]);
    expect(next).toEqual(logits.subarray(2 * 600));
    await session.append([8]);
    expect(await session.logits()).toEqual((await model.forward([5, 6, 7, 8])).logits.subarray(3 * 600));
  });

  it('begins with the bos token, once', async () => {
    const session = model.session();
    await session.append('');
    expect(session.tokens).toBe(1);
    await session.append('');
    expect(session.tokens).toBe(1);
    const empty = model.session();
    let finish: Finish | undefined;
    await collect(empty.generate({ ...greedy, maxTokens: 3, onFinish: (one) => (finish = one) }));
    expect(finish).toEqual({ reason: 'length', tokens: 3, promptTokens: 1, unread: [] });
    expect(empty.tokens).toBe(4);
  });

  it('stays as it was if an append fails or is aborted', async () => {
    const session = model.session();
    await session.append('Call me');
    const before = session.save();
    await expect(session.append([1, 2, 600])).rejects.toThrow(/token 2: found 600/);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(session.append('Ishmael and more', { signal })).rejects.toThrow('enough');
    expect(session.save()).toEqual(before);
  });

  it('does one thing at a time', async () => {
    const session = model.session();
    const first = session.append('Call me');
    await expect(session.append('Ishmael')).rejects.toThrow(/session: it is busy/);
    await first;
    for await (const _ of session.generate(greedy)) {
      await expect(session.append('x')).rejects.toBeInstanceOf(InputError);
      break;
    }
    await session.append('Ishmael');
  });
});

describe('restore', () => {
  let saved: Uint8Array;
  beforeAll(async () => {
    const session = model.session();
    await session.append('Call me Ishmael');
    saved = session.save();
  });

  it('refuses every truncation and every damaged byte', () => {
    for (let length = 0; length < saved.length; length += 1 + (length >> 4)) {
      expect(() => model.restore(saved.slice(0, length)), `${length}`).toThrow(InputError);
    }
    for (let at = 0; at < saved.length; at += 1 + (at >> 5)) {
      const damaged = saved.slice();
      damaged[at]! ^= 1 << (at % 8);
      expect(() => model.restore(damaged), `${at}`).toThrow(InputError);
    }
    expect(() => model.restore(saved.slice(0, 200))).toThrow(
      /found 200 bytes, expected \d+; it was truncated/,
    );
    expect(() => model.restore(new Uint8Array([...saved, 0]))).toThrow(/truncated or altered/);
    expect(() => model.restore('text' as never)).toThrow(/expected the Uint8Array that save\(\) returned/);
  });

  it('refuses a newer version and says so', () => {
    const newer = saved.slice();
    newer[8] = 2;
    expect(() => model.restore(newer)).toThrow(/its version is 2, this program reads version 1/);
  });

  it('refuses the session of another model of the same shape', async () => {
    const twin = await makeSmallModel({ seed: 2 });
    const other = await LanguageModel.load(twin.folder, { threads: 0 });
    expect(() => other.restore(saved)).toThrow(/belongs to another model/);
    await other.dispose();
    await twin.remove();
  });

  it('takes bytes at any offset', () => {
    const shifted = new Uint8Array(saved.length + 3);
    shifted.set(saved, 3);
    expect(model.restore(shifted.subarray(3)).tokens).toBeGreaterThan(0);
  });
});

describe('dispose', () => {
  it('may come twice, and ends all use', async () => {
    const gone = await LanguageModel.load(golden, { threads: 1 });
    const session = gone.session();
    await session.append([1, 2]);
    await gone.dispose();
    await gone.dispose();
    expect(gone.memory.inUse).toBe(0);
    const message = 'the model was disposed; load it again to use it';
    await expect(gone.forward([1])).rejects.toThrow(message);
    await expect(collect(gone.generate([1]))).rejects.toThrow(message);
    await expect(session.append([1])).rejects.toThrow(message);
    expect(() => gone.session()).toThrow(message);
    expect(() => session.fork()).toThrow(message);
    expect(() => gone.restore(session.save())).toThrow(message);
  });

  it('ends a running generation', async () => {
    const gone = await LanguageModel.load(golden, { threads: 1 });
    const ids: number[] = [];
    const onToken = (id: number) => {
      ids.push(id);
      if (ids.length === 3) void gone.dispose();
    };
    await expect(collect(gone.generate([1], { ...greedy, onToken }))).rejects.toThrow(/disposed/);
    expect(ids).toHaveLength(3);
  });

  it('may be forgotten: the process ends by itself', async () => {
    const program = `
      import { LanguageModel } from './src/index.ts';
      const model = await LanguageModel.load(${JSON.stringify(golden)}, { threads: 2 });
      const { logits } = await model.forward([1, 2, 3]);
      console.log(logits.length);`;
    const options = { cwd: join(import.meta.dirname, '..'), timeout: 20_000 };
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], options);
    expect(stdout).toBe('288\n');
  });
});

it('a damaged tokenizer is refused by name', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'plusminus-test-'));
  const folder = join(parent, 'model');
  await cp(small.folder, folder, { recursive: true });
  const { writeFile } = await import('node:fs/promises');
  await writeFile(join(folder, 'tokenizer.json'), '{}');
  await expect(LanguageModel.load(folder)).rejects.toThrow(/tokenizer\.json/);
  await rm(parent, { recursive: true });
});
