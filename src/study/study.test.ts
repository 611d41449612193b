import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/testing.ts';
import { architectureOf } from '../model/architecture.ts';
import { namedConfig } from '../model/config.ts';
import { Weights } from '../model/weights.ts';
import { describeWithMpi, mpirun } from '../mpi/testing.ts';
import { recordStep, stepMemory } from '../run/steps.ts';
import { listed } from '../text/testing.ts';
import { rhyme } from '../train/testing.ts';
import { barFigure } from './barFigure.ts';
import { type EfficiencyRow, trainingEfficiency } from './efficiency/trainingEfficiency.ts';
import { rwkv } from './families.ts';
import { inferenceStudy } from './inference/inferenceStudy.ts';
import { carbonOf, energyOf, energyTables } from './operations/energy.ts';
import { type OperationsRow, operations } from './operations/operations.ts';
import { workOf } from './operations/work.ts';
import { planStudy, runStudy } from './runStudy.ts';
import { scaling } from './scaling/scaling.ts';
import { findStudy, studies } from './studies.ts';
import type { Study } from './study.ts';

interface Given {
  readonly seed?: number;
  readonly minutes?: number;
  readonly signal?: AbortSignal;
}

async function carryOut(
  study: Study,
  folder: string,
  { seed = 1, minutes, signal = new AbortController().signal }: Given = {},
) {
  const said: string[] = [];
  const options = { engine: 'cpu', threads: 1, quick: true, seed, minutes, data: undefined } as const;
  const [runs, out] = [join(folder, 'runs'), join(folder, 'results')];
  const say = (text: string) => void said.push(text);
  const report = await runStudy(study, { options, command: 'npx plusminus study x', runs, out, signal, say });
  return {
    said,
    report: await readFile(report, 'utf8'),
    json: JSON.parse(await readFile(report.replace('.md', '.json'), 'utf8')),
  };
}

async function rewriteCommits(runs: string, commit: string): Promise<void> {
  for (const name of await readdir(runs)) {
    const path = join(runs, name, 'result.json');
    const kept = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...kept, provenance: { ...kept.provenance, commit } }));
  }
}

describe('a study', () => {
  const done: string[] = [];
  let stop = () => {};
  const study: Study = {
    name: 'squares',
    trains: false,
    async carryOut({ run, publish }) {
      const rows: number[] = [];
      for (const n of [1, 2, 3]) {
        rows.push(
          await run(`n-${n}`, { n }, async () => {
            done.push(`${n}`);
            stop();
            return n * n;
          }),
        );
        const tables = [
          {
            title: 'Squares',
            columns: ['n', 'a | b'],
            rows: rows.map((square, k) => [`${k + 1}`, `${square}`]),
          },
        ];
        await publish({
          title: 'Squares',
          text: ['Words.'],
          tables,
          figures: [{ name: 'f', caption: 'F.', svg: '<svg/>' }],
          data: rows,
        });
      }
    },
  };

  it('resumes, does nothing twice, and records provenance', async () => {
    const folder = await temporaryFolder();
    const controller = new AbortController();
    stop = () => done.length === 2 && controller.abort(new Error('enough'));
    await expect(carryOut(study, folder, { signal: controller.signal })).rejects.toThrow('enough');
    expect(done).toEqual(['1', '2']);
    // What was done by then is there.
    expect(await readdir(join(folder, 'results/squares-quick'))).toContain('squares-quick.md');
    const { report, json, said } = await carryOut(study, folder);
    expect(done).toEqual(['1', '2', '3']);
    expect(said.at(-1)).toBe('1 runs done, 2 known from before');
    expect(json.data).toEqual([1, 4, 9]);
    expect(json.provenance).toMatchObject({
      command: 'npx plusminus study x',
      seed: 1,
      commit: expect.stringMatching(/^[0-9a-f]{12}\+?$|^unknown$/),
    });
    expect(report).toContain('| n | a \\| b |\n| --- | --: |\n| 1 | 1 |\n| 2 | 4 |\n| 3 | 9 |');
    expect(report).toContain('![F.](f.svg)');
    // Written again by another process, a report still says what made its runs.
    await rewriteCommits(join(folder, 'runs/squares-quick'), 'elsewhere');
    expect((await carryOut(study, folder)).json.provenance.commit).toBe('elsewhere');
    await carryOut(study, folder, { seed: 2 });
    expect(done).toHaveLength(6);
  });

  it('is shared by those that carry it out at the same time: nothing is done twice, and all have all results', async () => {
    const folder = await temporaryFolder();
    const made: number[] = [];
    const shared: Study = {
      ...{ name: 'shared', trains: false },
      async carryOut({ run, publish }) {
        const square = (n: number) =>
          run(`n-${n}`, { n }, async () => {
            made.push(n);
            await new Promise((resolve) => setTimeout(resolve, 20));
            return n * n;
          });
        const rows = await Promise.all([1, 2, 3, 4, 5, 6].map(square));
        rows.push(await square(7)); // asked for when the others are known
        await publish({ title: 'T', text: [], tables: [], figures: [], data: rows });
      },
    };
    const reports = await Promise.all([1, 2, 3].map(() => carryOut(shared, folder)));
    expect([...made].sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
    for (const { json } of reports) expect(json.data).toEqual([1, 4, 9, 16, 25, 36, 49]);
    const total = reports.map(({ said }) => Number.parseInt(said.at(-1)!, 10));
    expect(total.reduce((sum, count) => sum + count)).toBe(7);
  });

  it.each(Object.keys(studies))('%s is found by its name', async (name) => {
    expect((await findStudy(name)).name).toBe(name);
  });

  it('is refused with the names that there are', () => {
    expect(() => findStudy('nothing')).toThrow(/found "nothing", expected one of scaling, .*, recall/);
  });
});

describeWithMpi('a study over ranks', { timeout: 60_000 }, () => {
  const script = join(import.meta.dirname, 'study.ranks.ts');
  const dataOf = async (folder: string) =>
    JSON.parse(await readFile(join(folder, 'results/chains/chains.json'), 'utf8')).data;

  it('reaches the results of one process, does nothing twice, and every rank works', async () => {
    const [one, two, three] = [await temporaryFolder(), await temporaryFolder(), await temporaryFolder()];
    expect((await mpirun(1, script, [one])).stdout).toMatch(/^9 runs done$/m);
    expect(await dataOf(one)).toEqual([10407, 39, 732]); // ((1² + 1)² + 2)² + 3 = 39, and so on from 2 and 3
    for (const [ranks, folder] of [
      [2, two],
      [3, three],
    ] as const) {
      const { code, stderr } = await mpirun(ranks, script, [folder]);
      expect(code, stderr).toBe(0);
      expect(await dataOf(folder)).toEqual(await dataOf(one));
      const workers = new Set<number>();
      const runs = await readdir(join(folder, 'runs/chains'));
      expect(runs).toHaveLength(9);
      for (const run of runs) {
        const kept = JSON.parse(await readFile(join(folder, 'runs/chains', run, 'result.json'), 'utf8'));
        workers.add(kept.result.rank);
      }
      expect(workers.size).toBe(ranks);
    }
    // What is known is not done again, by whichever rank.
    expect((await mpirun(2, script, [three])).stdout).toMatch(/^0 runs done, 9 known from before$/m);
  });
});

describe('the operations study', () => {
  it('counts an addition of integers for each ternary weight, and no multiplication in a product', () => {
    const config = namedConfig('tiny', { vocabSize: 512 });
    const architecture = architectureOf(config);
    const specs = architecture.parameters();
    const { program } = recordStep(
      { architecture, weights: new Weights(specs, 'inference') },
      stepMemory(architecture, 1),
      1,
      'last',
    );
    const ternary = specs
      .filter(({ role }) => role === 'ternary')
      .reduce((sum, { shape }) => sum + shape[0]! * shape[1]!, 0);
    const work = workOf(program);
    expect(work.integerAdditions).toBe(ternary);
    expect(work.productMultiplications).toBe(0);
    expect(work.floatAdditions).toBeGreaterThan(0);
    expect(work.floatAdditions).toBeLessThan(ternary / 10);
  });

  it('turns work into joules and grams', () => {
    const none = {
      integerAdditions: 0,
      floatAdditions: 0,
      floatMultiplications: 0,
      productMultiplications: 0,
      special: 0,
      bytes: 0,
    };
    const [old] = energyTables;
    expect(energyOf({ ...none, integerAdditions: 1e12, productMultiplications: 2e12 }, old!)).toEqual({
      arithmetic: expect.closeTo(0.1 + 2.2, 12),
      memory: 0,
    });
    expect(energyOf({ ...none, bytes: 8e12 }, old!).memory).toBeCloseTo(1300, 9);
    expect(carbonOf(3.6e6)).toBe(480);
  });

  it('publishes tables and figures', async () => {
    const { report, json } = await carryOut(operations, await temporaryFolder());
    expect(report).toMatch(/\| MatMul-free 370M \| 341\.0 M \|/);
    expect(report).not.toMatch(/NaN|undefined/);
    // Two sizes, read and generated: four families, and the Transformer in three formats.
    expect(json.data.rows).toHaveLength(2 * 2 * (4 + 3));
  });
});

describe('the families of a study', () => {
  it('are those that the options name', async () => {
    const options = { engine: 'cpu', quick: true, seed: 1, data: undefined, families: [rwkv] } as const;
    const folder = await temporaryFolder();
    const [runs, out] = [join(folder, 'runs'), join(folder, 'results')];
    const { signal } = new AbortController();
    const path = await runStudy(operations, { options, command: 'x', runs, out, signal, say: () => {} });
    const { data } = JSON.parse(await readFile(path.replace('.md', '.json'), 'utf8'));
    expect(data.rows.map((row: OperationsRow) => row.family)).toEqual(['rwkv', 'rwkv', 'rwkv', 'rwkv']);
    const products = data.rows.map((row: OperationsRow) => row.work.productMultiplications);
    expect(products).toEqual([0, 0, 0, 0]);
  });
});

describe('the training-efficiency study', () => {
  it('puts fused beside plain steps, which need more memory', async () => {
    const { report, json } = await carryOut(trainingEfficiency, await temporaryFolder());
    expect(report).not.toMatch(/NaN|undefined/);
    const rows: EfficiencyRow[] = json.data.rows;
    expect(rows.map(({ batch, mode }) => `${batch} ${mode}`)).toEqual(
      [1, 2, 4].flatMap((batch) =>
        ['plain', 'plain-recomputing', 'fused', 'recomputing'].map((mode) => `${batch} ${mode}`),
      ),
    );
    for (let at = 0; at < rows.length; at += 4) {
      const used = rows.slice(at, at + 4).map(({ measured }) => measured.usedBytes!);
      const [plain, plainRecomputing, fused, recomputing] = used;
      expect(plainRecomputing).toBeLessThan(plain!);
      expect(fused).toBeLessThan(plain!);
      expect(recomputing).toBeLessThan(fused!);
    }
  });
});

describe('a study that is given some minutes', () => {
  it('begins no run that would end later, and says what is left', async () => {
    const folder = await temporaryFolder();
    const begun: string[] = [];
    const study: Study = {
      ...{ name: 'timed', trains: false },
      async carryOut({ run, publish }) {
        await publish({ title: '', text: [], tables: [], figures: [], data: {} });
        for (const [name, seconds] of [['short', 1] as const, ['long', 120] as const]) {
          await run(name, {}, async () => begun.push(name), seconds);
        }
      },
    };
    const { said } = await carryOut(study, folder, { minutes: 1 });
    expect(begun).toEqual(['short']);
    expect(said.join()).toMatch(
      /long would take about 2\.0 min, found \d+ s left; run the same command to resume/,
    );
    await carryOut(study, folder, { minutes: 3 });
    expect(begun).toEqual(['short', 'long']);
  });

  it('lists its plan without running anything', async () => {
    const plan = await planStudy(scaling, {
      options: { engine: 'cpu', quick: true, seed: 1, data: () => listed([rhyme.repeat(3)]) },
      ...{ runs: await temporaryFolder(), signal: new AbortController().signal, say: () => {} },
    });
    expect(plan.map(({ name }) => name)).toContain('transformer 3 × 96');
    expect(plan.every(({ seconds }) => seconds > 0)).toBe(true);
  });
});

describe('the sizes of a study', () => {
  it('are those that the options name; the largest has every form of keys and values', async () => {
    const options = { engine: 'cpu', quick: false, seed: 1, data: undefined, sizes: ['370M'] } as const;
    const rest = { runs: await temporaryFolder(), signal: new AbortController().signal, say: () => {} };
    const inference = await planStudy(inferenceStudy, { options, ...rest });
    expect(inference.map(({ name }) => name)).toEqual([
      ...['MatMul-free 370M', 'BitNet b1.58 370M', 'Transformer++ 370M'],
      ...['BitNet b1.58, f16 cache, 370M', 'BitNet b1.58, int8 cache, 370M'],
      ...['Transformer++, f16 cache, 370M', 'Transformer++, int8 cache, 370M'],
    ]);
    const training = await planStudy(trainingEfficiency, { options, ...rest });
    expect(training).toHaveLength(4 * 4);
    expect(training.every(({ name }) => name.includes('370M'))).toBe(true);
  });
});

describe('bars', () => {
  it('stand by size, with their totals in words', () => {
    const svg = barFigure({
      title: 'Bars',
      axis: 'metres',
      colors: { a: 'red', b: 'blue' },
      bars: [
        { size: 'small', label: 'one', parts: { a: 1, b: 2 } },
        { size: 'large', label: 'one', parts: { a: 10 } },
      ],
      format: (total) => `${total} m`,
    });
    const texts = [...parseHTML(svg).document.querySelectorAll('text')].map((text) => text.textContent);
    expect(texts).toEqual(
      expect.arrayContaining(['Bars', 'a', 'b', 'small', 'large', '3 m', '10 m', 'metres →']),
    );
    expect(svg).not.toMatch(/NaN|undefined/);
  });
});
