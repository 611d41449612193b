import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelsFolder } from '../../src/checkpoint/bundledModels.ts';
import { temporaryFolder } from '../../src/checkpoint/testing.ts';
import { convertCommand } from '../../src/cli/convert.ts';
import { chatOptions } from '../../src/generate/chatOptions.ts';
import { renderChat } from '../../src/generate/chatTemplate.ts';
import { LanguageModel } from '../../src/languageModel.ts';
import { SeededRandom } from '../../src/text/seededRandom.ts';
import { TextTokenizer } from '../../src/text/tokenizer.ts';
import { readRunFile } from '../../src/train/runFile.ts';
import { writeSmallCorpus } from '../stories/testing.ts';
import { gateTable, measure } from './gates.ts';
import { expand, withoutMarks } from './grammar.ts';
import { gateResults, isRight, judge } from './judge.ts';
import { plain } from './plain.ts';
import { prepare } from './prepare.ts';
import { heldOutCases } from './prompts.ts';
import { type Recipe, readRecipe } from './recipe.ts';
import { runRecipe } from './run.ts';
import { readSources, type Sources } from './sources.ts';
import { likingsAsked, talk, talks } from './talks.ts';
import { endsWell, withSubject } from './tinyStories.ts';
import { beyond } from './topics/beyond.ts';
import { followUp } from './topics/followUps.ts';
import { likings } from './topics/kindsOfFacts.ts';
import { sum } from './topics/numbers.ts';
import { quizRounds } from './topics/quiz.ts';
import { toolTalk } from './topics/tools.ts';
import { Voice } from './voice.ts';

const stories = join(modelsFolder, 'stories');
let corpus = '';
let taught: Sources;
let held: Sources;

beforeAll(async () => {
  corpus = await mkdtemp(join(tmpdir(), 'plusminus-test-'));
  await writeSmallCorpus(corpus);
  taught = await readSources(corpus, stories);
  held = await readSources(corpus, stories, true);
});

afterAll(() => rm(corpus, { recursive: true, force: true }));

describe('patterns', () => {
  it('expand alternatives, nested ones too, and insert values', () => {
    const texts = Array.from({ length: 200 }, (_, seed) =>
      expand('[hi|hello[ there|]], {name}', new SeededRandom(seed), { name: 'Mia' }),
    );
    const found = new Set(texts.map((text) => text.replace(/[\uE000\uE001]/g, '')));
    expect([...found].sort()).toEqual(['Hello there, Mia', 'Hello, Mia', 'Hi, Mia']);
    expect(() => expand('{name}', new SeededRandom(1))).toThrow('no value for {name}');
  });

  it('give a story another subject, with its article and plural', () => {
    expect(withSubject('A dog saw an old dog. Dogs bark. The dog ran.', 'dog', 'owl')).toBe(
      'An owl saw an old owl. Owls bark. The owl ran.',
    );
  });
});

describe('stories of the corpus', () => {
  it('are told before sleep only if they end well', () => {
    expect(endsWell('A cat got lost. Then she found her friend, and they were happy.')).toBe(true);
    expect(endsWell('A cat got lost. It rained, and she was scared and sad.')).toBe(false);
    expect(endsWell('A man grabbed the cat. Later they were friends and happy.')).toBe(false);
  });
});

describe('talks', () => {
  it('are the same for a seed, distinct, and without marks of the generator', () => {
    const made = [...talks(1, 3000, taught)];
    expect(made).toEqual([...talks(1, 3000, taught)]);
    const texts = made.map((messages) => JSON.stringify(messages));
    expect(new Set(texts).size).toBe(3000);
    for (const { role, content } of made.flat()) {
      if (role === 'system') continue;
      expect(content).not.toMatch(/[\uE000\uE001[\]|]|undefined|NaN|^\s*$/);
    }
    expect(talk(2, 0, taught)).not.toEqual(talk(1, 0, taught));
  });

  it('answer the held-out prompts as the rules demand', () => {
    for (const seed of [1, 2, 3]) {
      const wrong = heldOutCases(held, seed).filter(({ rule, reference }) => !isRight(rule, reference));
      expect(wrong.map(({ turns, reference }) => [turns.at(-1), reference])).toEqual([]);
    }
  });

  it('ask for nothing in the words of the held-out prompts', () => {
    const said = new Set<string>();
    for (const messages of talks(1, 20_000, taught)) {
      for (const { role, content } of messages) if (role === 'user') said.add(plain(content));
    }
    const cases = heldOutCases(held);
    expect(cases.length).toBeGreaterThanOrEqual(500);
    expect(new Set(cases.map((one) => [one.system, ...one.turns].join('\n'))).size).toBe(cases.length);
    const known = cases.filter(({ turns }) => said.has(plain(turns.at(-1)!)));
    expect(known.map(({ turns }) => turns.at(-1))).toEqual([]);
    expect(cases.filter(({ group }) => group === 'recall').every(({ turns }) => turns.length >= 7)).toBe(
      true,
    );
  });

  it('say nothing of its memory that is untrue where talks are kept: talks can be opened again', () => {
    const said = [...talks(1, 5000, taught)].flat().filter(({ role }) => role === 'assistant');
    expect(said.filter(({ content }) => /forget it all|it is gone|close the tab/i.test(content))).toEqual([]);
    expect(said.some(({ content }) => content.includes('A new talk starts'))).toBe(true);
  });

  it('name everything that was liked when asked for no kind of thing', () => {
    const talksOfLikings = Array.from({ length: 200 }, (_, seed) => {
      return likingsAsked(new Voice(new SeededRandom(seed)), taught);
    });
    for (const { facts, exchanges } of talksOfLikings) {
      const liked = facts.filter(({ kind }) => likings.includes(kind)).map(({ slots }) => slots.value);
      const answer = exchanges.at(-1)!.assistant;
      expect(liked.filter((value) => !answer.includes(value))).toEqual([]);
      if (liked.length === 0) expect(answer).toContain('not told me');
    }
  });

  it('decline sums above twenty, below zero, products above twenty, quotients', () => {
    const asked = Array.from({ length: 10_000 }, (_, seed) => beyond(new Voice(new SeededRandom(seed))));
    expect(asked.filter(({ assistant, rule }) => !isRight(rule!, withoutMarks(assistant)))).toEqual([]);
    const small = asked.flatMap(({ user }) => {
      const found = /^(?:what is )?(\d+) ?([*+]) ?(\d+)\??$/i.exec(withoutMarks(user));
      return found ? [found] : [];
    });
    expect(small.length).toBeGreaterThan(20);
    for (const [, a, sign, b] of small) {
      expect(sign === '+' ? Number(a) + Number(b) : Number(a) * Number(b)).toBeGreaterThan(20);
    }
  });

  it('continue a sum with its result, and stay with it when it is doubted', () => {
    const chains = Array.from({ length: 2000 }, (_, seed) => {
      const voice = new Voice(new SeededRandom(seed));
      const first = sum(voice);
      return [first, followUp(first, voice, taught)] as const;
    });
    const followed = chains.filter(([, second]) => second !== undefined);
    expect(followed.length).toBeGreaterThan(200);
    for (const [first, second] of followed) {
      expect(isRight(second!.rule!, withoutMarks(second!.assistant))).toBe(true);
      const result = /\d+(?=\D*$)/.exec(withoutMarks(first.assistant))![0];
      const sentence = /(\d+) [+−] (\d+) = (\d+)/.exec(withoutMarks(second!.assistant));
      if (sentence) expect([sentence[1], sentence[3]]).toContain(result);
    }
  });

  it('judge what is answered in a quiz by the sum that was asked', () => {
    for (let seed = 0; seed < 300; seed++) {
      const rounds = quizRounds(new Voice(new SeededRandom(seed)));
      const asked = /(\d+ [+−] \d+)\?$/.exec(withoutMarks(rounds[0]!.assistant))![1]!;
      const verdict = withoutMarks(rounds[1]!.assistant);
      const answer = /\d+/.exec(withoutMarks(rounds[1]!.user))?.[0];
      const result = /= (\d+)/.exec(verdict)![1];
      expect(verdict).toContain(`${asked} = ${result}`);
      if (answer !== undefined) expect(verdict.includes('so not quite')).toBe(answer !== result);
    }
  });

  it('call tools as the chat template writes calls', async () => {
    const tokenizer = await TextTokenizer.load(join(modelsFolder, 'chat'));
    const { system, exchanges } = toolTalk(new Voice(new SeededRandom(1)));
    expect(system).toMatch(/^Tools:\n\{"name": "/);
    const text = renderChat(tokenizer, [
      { role: 'system', content: system },
      { role: 'user', content: exchanges[0]!.user },
    ]);
    expect(text).toContain(`<|system|>${system}<|end|><|user|>`);
  });
});

describe('judging', () => {
  const [one] = [
    { group: 'sums', turns: ['7 + 5'], rule: { gate: 'sums', must: '12(?!.*\\d)' }, reference: '12' },
  ] as const;

  it('counts right answers and those that the limit cut', () => {
    const judged = [
      judge(one, { text: '7 + 5 = 12.', ended: true }),
      judge(one, { text: '7 + 5 = 13.', ended: false }),
    ];
    const [result] = gateResults(judged);
    expect(result).toEqual({ group: 'sums', count: 2, right: 1, cut: 1, passed: false });
    const report = {
      model: 'chat',
      weights: '',
      engine: 'cpu',
      sampling: chatOptions,
      results: [result!],
      cases: judged,
    };
    expect(gateTable([report])).toContain('| sums | 2 | 50.0 |');
  });
});

describe('the recipe', () => {
  it('has at least 200,000 talks', async () => {
    expect((await readRecipe()).talks).toBeGreaterThanOrEqual(200_000);
  });

  it('tries two rates, trains as long as asked, packs, and the model answers', {
    timeout: 120_000,
  }, async () => {
    const work = await temporaryFolder();
    const base = join(work, 'base');
    await writeBase(base);
    const recipe = await smallRecipe();
    await prepare({ corpus, work, base, recipe });
    const places = { models: join(work, 'models'), results: join(work, 'results') };
    await mkdir(places.models);
    expect(await runRecipe({ work, base, recipe, seconds: 0.5, ...places, say: () => {} })).toBe(true);
    const { settings } = await readRunFile(join(places.results, 'chat'));
    expect(recipe.trials.learningRates).toContain(settings.learningRate);
    await using model = await LanguageModel.load(join(places.models, 'chat'), { threads: 0 });
    expect(model.tokenizer!.chatTemplate).toContain('tool_call');
    const judged = await measure(model, heldOutCases(held).slice(0, 2));
    expect(judged.map(({ answer }) => typeof answer)).toEqual(['string', 'string']);
  });
});

/** A model with the vocabulary of the bundled one, but small. */
async function writeBase(folder: string): Promise<void> {
  await convertCommand()
    .exitOverride()
    .parseAsync(['--random', 'tiny', folder, '--vocabulary', '8192', '--quiet'], { from: 'user' });
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
    await cp(join(stories, name), join(folder, name));
  }
}

async function smallRecipe(): Promise<Recipe> {
  const recipe = await readRecipe();
  return {
    ...recipe,
    ...{
      talks: 60,
      parts: 2,
      heldOutTalks: 20,
      length: 128,
      trials: { steps: 2, learningRates: [0.001, 0.002] },
    },
    settings: { ...recipe.settings, batch: 1, warmup: 1, validation: 1 },
  };
}
