/**
 * What every rank of the test of studies over ranks runs: a study whose later experiments follow from the results of
 * earlier ones, with ranks that take longer than others. `npx node study.ranks.ts FOLDER`
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { alone } from '../mpi/group.ts';
import { joinRanks } from '../ranks/join.ts';
import { runStudy } from './runStudy.ts';
import type { Study } from './study.ts';

const joined = await joinRanks();
const group = joined ?? alone;

const study: Study = {
  name: 'chains',
  trains: false,
  spreads: true,
  async carryOut({ run, publish }) {
    const ends: number[] = [];
    const chain = async (first: number) => {
      let value = first;
      for (const step of [1, 2, 3]) {
        const given = value;
        const found = await run(`${first}-${step}`, { given }, async () => {
          await sleep(5 * ((first + step + group.rank) % 4));
          return { rank: group.rank, value: given * given + step };
        });
        value = found.value;
        if (group.rank === 1) await sleep(3); // ranks need not come back at once
      }
      ends.push(value);
      const table = { title: 'Ends', columns: ['value'], rows: ends.toSorted().map((end) => [`${end}`]) };
      await publish({ title: 'Chains', text: [], tables: [table], figures: [], data: ends.toSorted() });
    };
    await Promise.all([1, 2, 3].map(chain));
  },
};

const [folder] = process.argv.slice(2) as [string];
const options = { engine: 'cpu', quick: false, seed: 1, data: undefined } as const;
await runStudy(study, {
  ...{ options, command: 'x', group, signal: new AbortController().signal, say: (text) => console.log(text) },
  ...{ runs: join(folder, 'runs'), out: join(folder, 'results') },
});
await joined?.leave();
