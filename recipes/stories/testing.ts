/** A corpus of a few kB with everything that the recipe looks for, and numbers to match. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { type Recipe, readRecipe } from './recipe.ts';

const end = '\n<|endoftext|>\n';
const animals = ['cat', 'dog', 'owl', 'fox', 'hen', 'frog', 'bear', 'mouse'];

const tale = (animal: string, k: number) =>
  `Once upon a time there was a ${animal}. The ${animal} was ${k % 2 ? 'old' : 'small'}. ` +
  `One day the ${animal} said, "I add and subtract." Then the ${animal} went home.`;

export async function writeSmallCorpus(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const tales = animals.flatMap((animal) => [0, 1, 2, 3, 4, 5].map((k) => tale(animal, k)));
  const book = `A long book.\n\n${tales.join('\n\n')}\n`.repeat(2);
  const glosses = animals.map(
    (animal) => `${animal} (noun): an animal that adds. For example: The ${animal} adds.`,
  );
  const articles = animals.map(
    (animal) => `The ${animal}\n\nThe ${animal} is an animal. ${'It adds. '.repeat(30)}`,
  );
  const questions = animals.flatMap((animal) =>
    Array.from({ length: 15 }, (_, k) => ({
      messages: [
        { role: 'user', content: `What does the ${animal} do on day ${k}?` },
        { role: 'assistant', content: 'It adds.' },
      ],
    })),
  );
  const tasks = Array.from({ length: 120 }, (_, k) => ({
    messages: ['I need a table.', 'For how many?', `For ${k}.`, 'It is done.'].map((content, turn) => ({
      role: turn % 2 ? 'system' : 'user',
      content,
    })),
  }));
  const write = (name: string, text: string) => writeFile(join(folder, name), text);
  await write('stories.0.txt', [...tales, book].join(end) + end);
  await write('stories.1.txt', book);
  await write('knowledge.txt', [...articles, glosses.join('\n')].join(end) + end);
  await write('dialogues.jsonl', [...questions, ...tasks].map((row) => JSON.stringify(row)).join('\n'));
  for (const name of ['stories', 'tinystories']) {
    await writeFile(join(folder, `${name}.valid.txt.zst`), zstdCompressSync(tales.slice(0, 12).join('\n\n')));
  }
}

/** The recipe with a model that trains in seconds. */
export async function smallRecipe(): Promise<Recipe> {
  const recipe = await readRecipe();
  const settings = {
    ...{ batch: 2, learningRate: 0.02, warmup: 2, validation: 4, validateEvery: 200, saveEvery: 25 },
  };
  return {
    ...recipe,
    tokenizer: { ...recipe.tokenizer, vocabulary: 320 },
    length: 64,
    model: { layers: 1, hiddenSize: 32, intermediateSize: 32 },
    base: { ...settings, steps: 300 },
  };
}
