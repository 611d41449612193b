import { appendFile, cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { golden, makeSmallModel, type SmallModel } from '../../test/smallModel.ts';
import { temporaryFolder } from '../checkpoint/testing.ts';
import { LanguageModel } from '../languageModel.ts';
import { collect } from '../text/testing.ts';
import { findDataFiles } from './dataFiles.ts';
import { Evaluator } from './evaluate.ts';
import { heldOutText } from './heldOutText.ts';
import { scoreOf, scoreTokens } from './logLikelihood.ts';
import { metricsOf } from './metrics.ts';
import { Questioner } from './questions.ts';
import { taskReport } from './report.ts';
import { readRows } from './rows.ts';
import { ScoresFile } from './scoresFile.ts';
import type { Item } from './task.ts';
import { allTasks, findTasks } from './tasks.ts';

const fixtures = fileURLToPath(new URL('../../test/fixtures/evaluate/plain', import.meta.url));

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

async function itemsOf(name: string) {
  const task = findTasks([name])[0]!;
  return { task, items: await collect(task.items(readRows(await findDataFiles(task, fixtures)))) };
}

/** One forward pass over everything, softmax by its definition: no sessions, no forks, no windows. */
async function plainLogLikelihood(context: string, continuation: string) {
  const tokenizer = model.tokenizer!;
  const before = context === '' ? [tokenizer.bosTokenId!] : tokenizer.encode(context);
  const whole =
    context === ''
      ? [...before, ...tokenizer.encode(continuation, { addSpecialTokens: false })]
      : tokenizer.encode(context + continuation);
  const ids = [...before, ...whole.slice(before.length)];
  const { logits } = await model.forward(ids);
  const vocabulary = model.config.vocabSize;
  let sum = 0;
  let greedy = true;
  for (let at = before.length; at < ids.length; at++) {
    const row = [...logits.subarray((at - 1) * vocabulary, at * vocabulary)];
    const total = row.reduce((all, value) => all + Math.exp(value), 0);
    sum += Math.log(Math.exp(row[ids[at]!]!) / total);
    greedy &&= row.indexOf(Math.max(...row)) === ids[at];
  }
  return { sum, greedy, tokens: ids.length - before.length };
}

describe('evaluating', () => {
  it.each(allTasks.map(({ name }) => name))('%s agrees with a plain loop over all items', async (name) => {
    const { task, items } = await itemsOf(name);
    const { metrics, scored } = await new Evaluator(model).task(task, items);
    let [acc, accNorm, greedy, loss, words, bytes] = [0, 0, 0, 0, 0, 0];
    for (const [index, item] of items.entries()) {
      const sums: number[] = [];
      for (const [choice, { context, continuation }] of item.requests.entries()) {
        const plain = await plainLogLikelihood(context, continuation);
        const score = scored[index]!.scores[choice]!;
        expect(score.logLikelihood).toBeCloseTo(plain.sum, 8);
        expect(score).toMatchObject({ tokens: plain.tokens, greedy: plain.greedy });
        sums.push(plain.sum);
        greedy += plain.greedy ? 1 : 0;
        loss -= plain.sum;
      }
      const normed = sums.map((sum, k) => sum / [...item.requests[k]!.continuation.slice(1)].length);
      acc += sums.indexOf(Math.max(...sums)) === item.gold ? 1 : 0;
      accNorm += normed.indexOf(Math.max(...normed)) === item.gold ? 1 : 0;
      words += item.size?.words ?? 0;
      bytes += item.size?.bytes ?? 0;
    }
    const n = items.length;
    const error = (p: number) => Math.sqrt((p * (1 - p)) / (n - 1));
    const figures = Object.fromEntries(metrics.map(({ name: metric, ...figure }) => [metric, figure]));
    if (task.scoring === 'choice') {
      expect(figures.acc!.value).toBe(acc / n);
      expect(figures.acc!.standardError).toBeCloseTo(error(acc / n), 12);
      if (name === 'winogrande') expect(figures.acc_norm).toBeUndefined();
      else expect(figures.acc_norm!.value).toBe(accNorm / n);
    } else if (task.scoring === 'completion') {
      expect(figures.acc!.value).toBe(greedy / n);
      expect(Math.log(figures.perplexity!.value)).toBeCloseTo(loss / n, 8);
    } else {
      expect(Math.log(figures.word_perplexity!.value)).toBeCloseTo(loss / words, 8);
      expect(Math.log(figures.byte_perplexity!.value)).toBeCloseTo(loss / bytes, 8);
      expect(figures.bits_per_byte!.value).toBeCloseTo(loss / bytes / Math.LN2, 8);
    }
  });

  it('scores a long text in windows, each token once', async () => {
    const text = 'Call me Ishmael. Some years ago, never mind how long precisely.';
    const whole = await new Evaluator(model).text(text);
    const cut = await new Evaluator(model, { window: 5 }).text(text);
    expect(cut.map(({ id }) => id)).toEqual(whole.map(({ id }) => id));
    expect(cut.slice(0, 5)).toEqual(whole.slice(0, 5));
    expect(cut.slice(5)).not.toEqual(whole.slice(5));
    const plain = await plainLogLikelihood('', text);
    expect(whole.reduce((sum, { logProbability }) => sum + logProbability, 0)).toBeCloseTo(plain.sum, 7);
  });

  it('tells the score of a text by tokens before, as a plain loop over its windows does', async () => {
    const document = 'Call me Ishmael. Some years ago, never mind how long precisely. — Ñandú!';
    const item: Item = {
      where: 'here',
      requests: [{ context: '', continuation: document }],
      size: { words: 12, bytes: Buffer.byteLength(document) },
    };
    const window = 7;
    const result = await new Evaluator(model, { window }).task(heldOutText, [item]);
    const tokenizer = model.tokenizer!;
    const ids = tokenizer.encode(document, { addSpecialTokens: false });
    const expected = new Map<number, { tokens: number; bytes: number; loss: number }>();
    for (let at = 0; at < ids.length; at++) {
      const first = Math.floor(at / window) * window;
      const end = Math.min(ids.length, first + window);
      // The last window overlaps what was scored before it.
      const start = Math.max(0, end - window - 1);
      const seen = first === 0 ? [tokenizer.bosTokenId!, ...ids.slice(0, at)] : ids.slice(start, at);
      const { logits } = await model.forward(seen);
      const row = [...logits.subarray((seen.length - 1) * model.config.vocabSize)];
      const total = row.reduce((all, value) => all + Math.exp(value), 0);
      const before = first === 0 ? at : at - start;
      const from = before < 2 ? before : before < 4 ? 2 : 4;
      const sum = expected.get(from) ?? { tokens: 0, bytes: 0, loss: 0 };
      sum.tokens += 1;
      sum.bytes += tokenizer.bytes(ids[at]!).length;
      sum.loss -= Math.log(Math.exp(row[ids[at]!]!) / total);
      expected.set(from, sum);
    }
    const { positions } = taskReport(heldOutText, 'here', result);
    expect(positions!.map(({ from }) => from)).toEqual([...expected.keys()].sort((a, b) => a - b));
    expect(positions!.map(({ end }) => end)).toEqual([1, 2, 4, 8]);
    for (const { from, tokens, bytes, bitsPerByte } of positions!) {
      const { loss, ...counts } = expected.get(from)!;
      expect({ tokens, bytes }).toEqual(counts);
      expect(bitsPerByte).toBeCloseTo(loss / bytes / Math.LN2, 6);
    }
    // Together they are the text's own figure.
    const bytes = positions!.reduce((sum, one) => sum + one.bytes, 0);
    expect(bytes).toBe(Buffer.byteLength(document));
    const bits = positions!.reduce((sum, one) => sum + one.bitsPerByte * one.bytes, 0);
    expect(bits / bytes).toBeCloseTo(result.metrics.find(({ name }) => name === 'bits_per_byte')!.value, 8);
  });

  it('keeps the end of a context that is longer than the model may see', async () => {
    const evaluator = new Evaluator(model, { window: 6, bos: false });
    const item = (context: string): Item => ({ where: 'here', requests: [{ context, continuation: ' me' }] });
    const score = async (context: string) => (await evaluator.item({ scoring: 'choice' }, item(context)))[0]!;
    const ids = model.tokenizer!.encode('. Call me', { addSpecialTokens: false });
    expect(ids.length).toBeLessThan(6);
    const long = await score('The whale swam and swam and swam away from here. Call');
    const longer = await score('And the whale swam and swam and swam away from here. Call');
    expect(long).toEqual(longer);
  });

  it('resumes, and scores nothing twice', async () => {
    const { task, items } = await itemsOf('arc_easy');
    const path = join(await temporaryFolder(), 'scores.jsonl');
    const run = async (stopAfter = Number.POSITIVE_INFINITY) => {
      const memory = await ScoresFile.open(path);
      const stop = new AbortController();
      const onItem = (done: number) => done === stopAfter && stop.abort(new Error('enough'));
      try {
        return await new Evaluator(model, { memory, signal: stop.signal, onItem }).task(task, items);
      } finally {
        await memory.close();
      }
    };
    await expect(run(2)).rejects.toThrow('enough');
    await appendFile(path, '{"key":"torn');
    const resumed = await run();
    expect(resumed).toEqual(await new Evaluator(model).task(task, items));
    const lines = (await readFile(path, 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(items.length + 1);
    await run();
    expect((await readFile(path, 'utf8')).trim().split('\n')).toHaveLength(items.length + 1);
  });

  it('refuses a window that is longer than a model attends to', () => {
    const { tokenizer } = model;
    const config = { ...model.config, modelType: 'llama', maxPositionEmbeddings: 512 };
    const attending = { tokenizer, config } as unknown as LanguageModel;
    expect(() => new Questioner(attending, { window: 512 })).not.toThrow();
    expect(() => new Questioner(attending, { window: 513 })).toThrow(
      /window: found 513, expected at most 512/,
    );
    expect(() => new Questioner(model, { window: 10_000 })).not.toThrow();
    const rwkv = { tokenizer, config: { ...config, modelType: 'rwkv_bit' } } as unknown as LanguageModel;
    expect(() => new Questioner(rwkv, { window: 10_000 })).not.toThrow();
  });

  it('keeps scores of different models apart', async () => {
    const other = await makeSmallModel({ seed: 2 });
    const second = await LanguageModel.load(other.folder, { threads: 1 });
    try {
      expect(second.fingerprint).not.toBe(model.fingerprint);
    } finally {
      await second.dispose();
      await other.remove();
    }
  });

  it('refuses a tokenizer that is larger than the model, and a model without one', async () => {
    const folder = await temporaryFolder();
    await cp(golden, folder, { recursive: true }); // a vocabulary of 96
    await cp(join(small.folder, 'tokenizer.json'), join(folder, 'tokenizer.json'));
    await expect(LanguageModel.load(folder, { threads: 1 })).rejects.toThrow(
      /tokenizer.json: found \d+ tokens, but .* has a vocabulary of 96/,
    );
    const without = await LanguageModel.load(golden, { threads: 1 });
    try {
      expect(() => new Evaluator(without)).toThrow(/found no tokenizer/);
    } finally {
      await without.dispose();
    }
  });
});

describe('scores of tokens', () => {
  it('are the logits under a softmax, with the likeliest on demand', async () => {
    const logits = Float32Array.of(1, 3, 2, 3);
    const total = Math.log(Math.exp(1) + 2 * Math.exp(3) + Math.exp(2));
    expect(scoreOf(logits, 3, 3)).toEqual({
      id: 3,
      logProbability: expect.closeTo(3 - total, 12),
      greedy: false, // of equals the first is chosen
      top: [1, 3, 2].map((id) => ({ id, logProbability: expect.closeTo(logits[id]! - total, 12) })),
    });
    expect(scoreOf(Float32Array.of(900, -900), 0)).toMatchObject({ logProbability: 0, greedy: true });
  });

  it('do not depend on how a session came to its tokens', async () => {
    const ids = model.tokenizer!.encode('Call me Ishmael. Some years ago');
    const score = async (parts: readonly (readonly number[])[], peek = false) => {
      const session = model.session();
      await session.append(ids.slice(0, 2));
      const scores = [];
      for (const part of parts) {
        if (peek) await session.logits();
        scores.push(...(await scoreTokens(session, part, model.config.vocabSize)));
      }
      return { scores, next: await session.logits(), tokens: session.tokens };
    };
    const rest = ids.slice(2);
    const whole = await score([rest]);
    expect(await score([rest.slice(0, 3), [], rest.slice(3)])).toEqual(whole);
    expect(
      await score(
        rest.map((id) => [id]),
        true,
      ),
    ).toEqual(whole);
    await expect(model.session().predict([1])).rejects.toThrow(/it is empty/);
    const session = model.session();
    await session.append([1]);
    await expect(session.predict([600])).rejects.toThrow(/token 0: found 600/);
    expect(session.tokens).toBe(1);
  });
});

describe('metrics', () => {
  const score = (logLikelihood: number) => ({ logLikelihood, tokens: 1, greedy: false });
  const item = { where: '', requests: [], gold: 0, lengths: [1, 4] };

  it('take the first of equal choices, and normalise by length', () => {
    const scored = [
      { item, scores: [score(-2), score(-2)] },
      { item, scores: [score(-2), score(-6)] },
    ];
    expect(metricsOf('choice', scored)).toEqual([
      { name: 'acc', value: 1, standardError: 0 },
      { name: 'acc_norm', value: 0, standardError: 0 },
    ]);
    expect(metricsOf('choice', scored.slice(1))[0]).toEqual({ name: 'acc', value: 1 });
  });
});
