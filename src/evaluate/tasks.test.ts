import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/testing.ts';
import { InputError } from '../errors.ts';
import { collect } from '../text/testing.ts';
import { chooseFiles, findDataFiles } from './dataFiles.ts';
import { readRows } from './rows.ts';
import type { Item, Task } from './task.ts';
import { allTasks, findTasks } from './tasks.ts';

/**
 * A few hand-written rows in every layout: `plain` with indices as answers, `lines` and `hub` as the datasets on
 * the Hub are (JSON lines; Parquet, packed in five ways), `authors` as the first publication was.
 */
const fixtures = fileURLToPath(new URL('../../test/fixtures/evaluate', import.meta.url));

async function itemsIn(task: Task, source: string): Promise<Item[]> {
  return collect(task.items(readRows(await findDataFiles(task, source))));
}

const taskNamed = (name: string) => findTasks([name])[0]!;
const withoutPlace = (items: readonly Item[]) => items.map(({ where: _, ...rest }) => rest);

/** The items of one file of this content. */
async function itemsOf(name: string, file: string, content: string | Uint8Array, labels?: string) {
  const folder = await temporaryFolder();
  await writeFile(join(folder, file), content);
  if (labels !== undefined) await writeFile(join(folder, file.replace('.jsonl', '-labels.lst')), labels);
  return itemsIn(taskNamed(name), join(folder, file));
}

describe('tasks', () => {
  it.each(allTasks.map((task) => [task.name, task] as const))(
    '%s reads all layouts alike',
    async (_, task) => {
      const expected = withoutPlace(await itemsIn(task, join(fixtures, 'plain')));
      expect(expected.length).toBeGreaterThan(1);
      for (const layout of ['lines', 'hub']) {
        expect(withoutPlace(await itemsIn(task, join(fixtures, layout))), layout).toEqual(expected);
      }
    },
  );

  it.each(['arc_easy', 'arc_challenge', 'openbookqa'])("%s reads the authors' files", async (name) => {
    const task = taskNamed(name);
    const found = withoutPlace(await itemsIn(task, join(fixtures, 'authors')));
    expect(found).toEqual(withoutPlace(await itemsIn(task, join(fixtures, 'plain'))));
  });

  it('renders as the harness does', async () => {
    const first = async (name: string, index = 0) => {
      const item = (await itemsIn(taskNamed(name), join(fixtures, 'hub')))[index]!;
      const { gold, lengths, size } = item;
      const requests = item.requests.map(({ context, continuation }) => [context, continuation]);
      return Object.fromEntries(
        Object.entries({ requests, gold, lengths, size }).filter(([, value]) => value !== undefined),
      );
    };
    expect(await first('arc_easy', 1)).toEqual({
      requests: [' whale', ' shark', ' eagle', ' Zürich 🐟'].map((choice) => [
        'Question: Which one is a fish?\nAnswer:',
        choice,
      ]),
      gold: 1,
      lengths: [5, 5, 5, 8], // characters, of which the last is one, not two halves
    });
    expect(await first('hellaswag')).toMatchObject({
      requests: ['eats the bowl.', ' kneads the dough.', 'flies.', 'sings. Slow down.'].map((ending) => [
        'Baking bread: A man holds dough. He',
        ` ${ending}`,
      ]),
      gold: 1,
    });
    expect(await first('openbookqa')).toMatchObject({
      requests: [['Fog is likely in', ' a marsh'], [], [], []].map((pair, k) =>
        k ? expect.anything() : pair,
      ),
    });
    expect(await first('piqa')).toMatchObject({
      requests: [
        ['Question: To boil water\nAnswer:', ' heat it'],
        ['Question: To boil water\nAnswer:', ' freeze it '],
      ],
      gold: 0,
      lengths: [7, 10],
    });
    expect(await first('winogrande', 1)).toEqual({
      requests: [
        ['The cup fell off the table, for cup', ' was small.'],
        ['The cup fell off the table, for the table', ' was small.'],
      ],
      gold: 1,
    });
    expect(await first('lambada_openai', 1)).toEqual({
      requests: [['He looked at the sea, the old', ' \n\nsea']],
    });
    expect(await first('wikitext')).toEqual({
      requests: [
        [
          '',
          " = Whale =\n\nThe whale (a mammal) swims, and it's large; about 1,000 kg.\n\n== Food ==\n\nIt eats krill.\n",
        ],
      ],
      // of the article as the data has it
      size: { words: 33, bytes: 124 },
    });
  });

  it('refuses unknown names, and knows groups', () => {
    expect(() => findTasks(['arc_easy', 'mmlu'])).toThrow('tasks: found "mmlu", expected some of arc_easy');
    expect(findTasks(['paper']).map(({ name }) => name)).toHaveLength(6);
    expect(findTasks(['all', 'piqa'])).toHaveLength(8);
  });
});

describe('rows that are not what they should be', () => {
  const arc = { question: 'Q?', choices: ['a', 'b'], gold: 1 };
  const hub = { question: 'Q?', choices: { text: ['a', 'b'], label: ['A', 'B'] }, answerKey: 'B' };
  const line = (row: object) => `${JSON.stringify(arc)}\n${JSON.stringify(row)}\n`;

  it.each([
    ['arc_easy', { ...arc, gold: 2 }, /row 2: gold: found 2, expected a choice from 0 to 1$/],
    ['arc_easy', { ...arc, gold: -1 }, /row 2: gold: found -1/],
    ['arc_easy', { ...arc, gold: 0.5 }, /row 2: gold: found 0.5/],
    ['arc_easy', { ...arc, choices: [] }, /row 2: choices: found \[\], expected a list of texts/],
    ['arc_easy', { ...arc, choices: ['a', 7] }, /row 2: choices\[1\]: found 7, expected a text/],
    ['arc_easy', { ...arc, question: null }, /row 2: question: found null, expected a text/],
    ['arc_easy', { ...hub, answerKey: 'C' }, /row 2: answerKey: found "C", expected one of A, B/],
    ['arc_easy', { ...hub, choices: { text: ['a'], label: [] } }, /row 2: choices.label: found \[\]/],
    [
      'hellaswag',
      { ctx_a: 'x', ctx_b: 'y', activity_label: 'z', endings: ['a'], label: '' },
      /label: found ""/,
    ],
    ['piqa', { goal: 'g', sol1: 'a', sol2: 'b', label: 2 }, /label: found 2, expected a choice from 0 to 1/],
    ['piqa', { goal: 'g', sol1: 'a', sol2: 'b' }, /label: found nothing/],
    [
      'winogrande',
      { sentence: 'no blank', option1: 'a', option2: 'b', answer: '1' },
      /sentence: found "no blank"/,
    ],
    [
      'winogrande',
      { sentence: 'a _', option1: 'a', option2: 'b', answer: '' },
      /answer: found "", expected "1" or "2"/,
    ],
    ['lambada_openai', { text: 5 }, /text: found 5/],
  ])('%s: %j', async (name, row, message) => {
    const content = name.startsWith('arc') ? line(row) : `${JSON.stringify(row)}\n`;
    const failure = await itemsOf(name, 'rows.jsonl', content).catch((error) => error);
    expect(failure).toBeInstanceOf(InputError);
    expect(failure.message).toMatch(message);
  });

  it('refuses broken lines, empty files, and labels that do not match their rows', async () => {
    await expect(itemsOf('arc_easy', 'x.jsonl', `${JSON.stringify(arc)}\n{"question":`)).rejects.toThrow(
      /row 2: expected JSON/,
    );
    await expect(itemsOf('arc_easy', 'x.jsonl', '[1]\n')).rejects.toThrow(/row 1: expected a JSON object/);
    await expect(itemsOf('arc_easy', 'x.jsonl', '')).rejects.toThrow(/found no row/);
    const piqa = `${JSON.stringify({ goal: 'g', sol1: 'a', sol2: 'b' })}\n`;
    await expect(itemsOf('piqa', 'x.jsonl', piqa.repeat(2), '0\n')).rejects.toThrow(/row 2: found no label/);
    await expect(itemsOf('piqa', 'x.jsonl', piqa, '0\n1\n')).rejects.toThrow(/found 1 rows but 2 labels/);
  });

  it('reads a JSON array', async () => {
    expect(await itemsOf('arc_easy', 'x.json', JSON.stringify([arc, arc]))).toHaveLength(2);
    await expect(itemsOf('arc_easy', 'x.json', JSON.stringify([arc, 3]))).rejects.toThrow(/row 2: found 3/);
  });

  it('gives items or an InputError for any bytes', async () => {
    const folder = await temporaryFolder();
    const originals = await Promise.all(
      ['hub/ai2_arc/ARC-Easy/test-00000-of-00001.parquet', 'plain/arc_easy.test.jsonl'].map((name) =>
        readFile(join(fixtures, name)),
      ),
    );
    const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
    const property = fc.asyncProperty(
      fc.nat(1),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      fc.option(fc.nat()),
      async (which, changes, cut) => {
        const bytes = Buffer.from(originals[which]!);
        for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
        const path = join(folder, `fuzz.${which === 0 ? 'parquet' : 'jsonl'}`);
        await writeFile(path, cut === null ? bytes : bytes.subarray(0, cut % bytes.length));
        const result = await itemsIn(taskNamed('arc_easy'), path).catch((error) => error);
        if (!(result instanceof InputError)) expect(result).toBeInstanceOf(Array);
      },
    );
    await fc.assert(property, { numRuns: 400, seed: 1 });
  }, 60_000);
});

describe('finding data', () => {
  const find = (name: string, paths: string[], folder = '/data') =>
    chooseFiles(taskNamed(name), paths, folder);

  it('knows copies of datasets by their folders', () => {
    const arc = ['ARC-Challenge', 'ARC-Easy'].flatMap((config) =>
      ['test', 'train'].map((split) => `${config}/${split}-00000-of-00001.parquet`),
    );
    expect(find('arc_easy', arc)).toEqual(['ARC-Easy/test-00000-of-00001.parquet']);
    const shards = ['data/validation-00001-of-00002.parquet', 'data/validation-00000-of-00002.parquet'];
    expect(find('hellaswag', shards, '/x/hellaswag')).toEqual([...shards].sort());
    expect(find('hellaswag', shards, '/cache/datasets--Rowan--hellaswag/1')).toHaveLength(2);
    // Anyone's files may be called so.
    expect(find('hellaswag', shards, '/x/something')).toEqual([]);
    expect(find('piqa', ['plain_text/validation/0000.parquet'], '/piqa')).toHaveLength(1);
    expect(find('openbookqa', ['additional/test-00000-of-00001.parquet'], '/openbookqa')).toEqual([]);
  });

  it('prefers files named after the task, and takes one of several formats', () => {
    const paths = [
      'piqa.validation.parquet',
      'piqa.validation.jsonl',
      'piqa/plain_text/validation/0000.parquet',
    ];
    expect(find('piqa', paths)).toEqual(['piqa.validation.jsonl']);
    expect(find('piqa', ['piqa.validation.jsonl.zst'])).toHaveLength(1);
  });

  it('says what it looked for', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'empty'));
    const task = taskNamed('arc_easy');
    await expect(findDataFiles(task, folder)).rejects.toThrow(
      /arc_easy: found no data in .*expected arc_easy.test.jsonl/,
    );
    await expect(findDataFiles(task, join(folder, 'missing'))).rejects.toThrow(/found no file or folder/);
  });
});
