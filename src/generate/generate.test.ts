import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteLevelTokenizer, collect, llamaTokenizer } from '../text/testing.ts';
import { type Finish, type GenerateOptions, generate, type SequenceModel } from './generate.ts';

fc.configureGlobal({ seed: 1 });

/** A model that says `script`, whatever it reads, and then the first token forever. */
class Parrot implements SequenceModel {
  readonly read: number[][] = [];
  readonly #script: readonly number[];
  readonly #logits: Float32Array;

  constructor(vocabulary: number, script: readonly number[]) {
    this.#script = script;
    this.#logits = new Float32Array(vocabulary);
  }

  async append(tokens: readonly number[]): Promise<Float32Array> {
    this.#logits.fill(0);
    this.#logits[this.#script[this.read.length] ?? 0] = 100;
    this.read.push([...tokens]);
    return this.#logits;
  }
}

async function run(text: string | number[], options: GenerateOptions = {}, prompt: string | number[] = 'a') {
  const tokenizer = await byteLevelTokenizer();
  const script = typeof text === 'string' ? tokenizer.encode(text, { addSpecialTokens: false }) : text;
  const model = new Parrot(tokenizer.vocabularySize, script);
  let finish: Finish | undefined;
  const onFinish = (one: Finish) => {
    finish = one;
  };
  const pieces = await collect(generate(model, tokenizer, prompt, { onFinish, temperature: 0, ...options }));
  return { pieces, text: pieces.join(''), finish, model, script, tokenizer };
}

describe('generate', () => {
  it('yields what the model says, to the eos token', async () => {
    const { text, finish, model, script, tokenizer } = await run('Call me Ishmael. 🙂');
    expect(text).toBe('Call me Ishmael. 🙂');
    expect(finish).toEqual({ reason: 'eos', tokens: script.length, promptTokens: 2, unread: [0] });
    expect(model.read).toEqual([tokenizer.encode('a'), ...script.map((id) => [id])]);
  });

  it('lets a function change the logits before each token, together with a form', async () => {
    const seen: (readonly number[])[] = [];
    const tokenizer = await byteLevelTokenizer();
    const { text, script, finish } = await run('Call me', {
      processLogits(logits, tokens) {
        seen.push([...tokens]);
        if (seen.length === 2) logits[tokenizer.encode('!', { addSpecialTokens: false })[0]!] = 200;
      },
      maxTokens: 3,
    });
    const prompt = tokenizer.encode('a');
    expect(seen).toHaveLength(3);
    expect(seen[0]).toEqual(prompt);
    expect(seen[1]).toEqual([...prompt, script[0]]);
    expect(text).toContain('!');
    expect(finish?.tokens).toBe(3);
    const formed = await run('no', {
      processLogits: (logits) => logits.fill(Number.NEGATIVE_INFINITY, 0, 1),
      responseFormat: { choice: ['yes', 'no'] },
    });
    expect(formed.text).toBe('no');
    await expect(run('x', { processLogits: 5 as never })).rejects.toThrow('processLogits: found number');
  });

  it('tells each token as it is drawn, also one that ends the text', async () => {
    const drawn: number[] = [];
    const { script } = await run('Call me', { onToken: (id) => drawn.push(id) });
    expect(drawn).toEqual([...script, 0]);
  });

  it('continues past the eos token if told to, which is not text', async () => {
    const { text, finish } = await run('ab', { stopAtEos: false, maxTokens: 20 });
    expect(text).toBe('ab');
    expect(finish).toMatchObject({ reason: 'length', tokens: 20 });
  });

  it('ends at maxTokens, and never inside a character', async () => {
    const whole = await run('x🙂');
    expect(whole.script).toHaveLength(5);
    for (const maxTokens of [0, 1, 2, 3, 4]) {
      const { text, finish, pieces } = await run('x🙂', { maxTokens });
      expect(text).toBe(maxTokens === 0 ? '' : 'x');
      expect(pieces).not.toContain('');
      expect(finish).toMatchObject({ reason: 'length', tokens: maxTokens });
      expect(finish!.unread).toEqual(maxTokens === 0 ? [] : [whole.script[maxTokens - 1]]);
    }
    expect((await run('x🙂', { maxTokens: 5 })).text).toBe('x🙂');
  });

  it('ends before a stop string, wherever its tokens begin', async () => {
    const text = 'one two\nUser: three';
    const { text: before, finish } = await run(text, { stop: ['\nUser:', 'never'] });
    expect(before).toBe('one two');
    expect(finish!.reason).toBe('stop');
    const part = fc.constantFrom('ab', 'b', 'aab', 'ba', ' a', 'c');
    await fc.assert(
      fc.asyncProperty(
        fc.array(part),
        fc.array(part, { minLength: 1, maxLength: 3 }),
        async (parts, stop) => {
          const said = parts.join('');
          const found = stop.map((one) => said.indexOf(one)).filter((at) => at >= 0);
          const result = await run(said, { stop });
          expect(result.text).toBe(found.length > 0 ? said.slice(0, Math.min(...found)) : said);
          expect(result.finish!.reason).toBe(found.length > 0 ? 'stop' : 'eos');
        },
      ),
      { numRuns: 100 },
    );
  });

  it('takes the name of a special token as a stop', async () => {
    const { tokenizer } = await run('a');
    const end = tokenizer.tokenId('<|end|>')!;
    const { text, finish } = await run([...tokenizer.encode('bc', { addSpecialTokens: false }), end], {
      stop: '<|end|>',
    });
    expect(text).toBe('bc');
    expect(finish).toMatchObject({ reason: 'stop', unread: [end] });
  });

  it('keeps the space between the prompt and its continuation', async () => {
    const tokenizer = llamaTokenizer();
    const world = tokenizer.tokenId('▁world')!;
    const say = async (prompt: string | number[]) => {
      const model = new Parrot(tokenizer.vocabularySize, [world, tokenizer.eosTokenId!]);
      return (await collect(generate(model, tokenizer, prompt, { temperature: 0 }))).join('');
    };
    expect(await say('hello')).toBe(' world');
    expect(await say('')).toBe('world');
    expect(await say([])).toBe('world');
  });

  it('repeats itself for a seed, and not for another', async () => {
    const tokenizer = await byteLevelTokenizer();
    const say = async (seed?: number) => {
      const model = { append: async () => new Float32Array(tokenizer.vocabularySize) };
      const options = { maxTokens: 20, stopAtEos: false, ...(seed === undefined ? {} : { seed }) };
      return (await collect(generate(model, tokenizer, 'x', options))).join('');
    };
    expect(await say(7)).toBe(await say(7));
    expect(await say(7)).not.toBe(await say(8));
    expect(await say()).not.toBe(await say());
  });

  it('penalises the tokens of prompt and answer', async () => {
    const tokenizer = await byteLevelTokenizer();
    const logits = new Float32Array(tokenizer.vocabularySize).fill(-10);
    logits.set([5, 4.9, 4.8, 4.7], 10);
    const seen: number[] = [];
    const append = async (ids: readonly number[]) => {
      seen.push(...ids);
      return logits;
    };
    const model = { append };
    await collect(generate(model, tokenizer, [10], { temperature: 0, repetitionPenalty: 2, maxTokens: 4 }));
    expect(seen).toEqual([10, 11, 12, 13]);
  });

  it('stops when aborted, without an error', async () => {
    const before = await run('abc', { signal: AbortSignal.abort() });
    expect(before.text).toBe('');
    expect(before.finish).toMatchObject({ reason: 'abort', tokens: 0 });
    expect(before.model.read).toEqual([]);

    const tokenizer = await byteLevelTokenizer();
    const stop = new AbortController();
    let finish: Finish | undefined;
    const hanging: SequenceModel = {
      append: (_, signal) =>
        new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
    };
    const onFinish = (one: Finish) => {
      finish = one;
    };
    const pieces = collect(generate(hanging, tokenizer, 'a', { signal: stop.signal, onFinish }));
    stop.abort();
    expect(await pieces).toEqual([]);
    expect(finish).toMatchObject({ reason: 'abort' });

    const later = new AbortController();
    const model = new Parrot(
      tokenizer.vocabularySize,
      ['a', 'b', 'c'].map((letter) => tokenizer.tokenId(letter)!),
    );
    for await (const piece of generate(model, tokenizer, 'x', {
      signal: later.signal,
      onFinish,
      temperature: 0,
    })) {
      expect(piece).toBe('a');
      later.abort();
    }
    expect(finish).toEqual({ reason: 'abort', tokens: 1, promptTokens: 2, unread: [tokenizer.tokenId('a')] });
  });

  it('passes on the errors of the model', async () => {
    const tokenizer = await byteLevelTokenizer();
    const broken = { append: () => Promise.reject(new Error('out of memory')) };
    await expect(collect(generate(broken, tokenizer, 'a'))).rejects.toThrow('out of memory');
  });

  it('needs a token to begin with', async () => {
    expect((await run('a', {}, '')).finish!.promptTokens).toBe(1);
    const tokenizer = await byteLevelTokenizer();
    const bare = {
      encode: () => [],
      stream: () => tokenizer.stream(),
      tokenId: () => undefined,
      isSpecial: () => false,
      bosTokenId: undefined,
      eosTokenId: undefined,
    };
    await expect(collect(generate(new Parrot(1000, []), bare, ''))).rejects.toThrow(/prompt: found no token/);
    await expect(run('a', {}, [1.5])).rejects.toThrow(/prompt\[0\]: found 1.5/);
  });

  it.each([
    [{ maxTokens: -1 }, /maxTokens: found -1/],
    [{ seed: 0.5 }, /seed: found 0.5/],
    [{ stop: [''] }, /stop: found \[""\], expected texts, none empty/],
    [{ stopAtEos: 1 }, /stopAtEos: found 1/],
    [{ topP: 2 }, /topP: found 2/],
    [{ max_tokens: 5 }, /max_tokens: no such option; known are .*maxTokens/],
  ])('refuses %j', async (options, message) => {
    await expect(run('a', options as GenerateOptions)).rejects.toThrow(message);
  });
});
