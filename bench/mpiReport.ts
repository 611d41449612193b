/** The tables of the benchmark of training over ranks. */
import { formatCount } from '../src/format.ts';
import type { Report } from './mpi.ts';
import type { Found, Measured, Speeds } from './mpiCase.ts';

export function formatScaling({ command, date, machine, work, difference, found }: Report): string {
  const [one, ...several] = found as [Found, ...Found[]];
  const { parameters } = one.measured[0]!;
  const what =
    `${work.size}, ${formatCount(parameters)} parameters, passes of ${work.batch} × ${work.length} tokens` +
    (work.engine === 'cpu' ? `, ${work.threads} thread(s) a rank` : '') +
    (work.recompute ? ', recomputing' : '');
  return `${[
    '# Training over ranks',
    `\`${command}\`, ${date.slice(0, 10)}: ${machine}; ${one.engine}; ${several.at(-1)!.description}. ${what}. ` +
      `Losses differ by ${difference.toExponential(1)} from one rank's with the same global batch.`,
    'Every rank has as much work as one rank alone. Efficiency: tokens a second of all ranks, divided by those of one ' +
      'rank with the same passes times the number of ranks. ' +
      (work.engine === 'cuda'
        ? 'Ranks exchange through NCCL with a sharded optimizer; the host does not see what they wait.'
        : '"Waiting" is the time a step that the rank with the longest wait waited for the exchange.'),
    table(
      [
        ['ranks', 'update', 'passes a rank', 'tokens/s', 'slowest rank', 'efficiency'],
        ['ms a step', 'waiting ms', 'MB sent a step', ...(work.engine === 'cuda' ? ['GiB a GPU'] : [])],
      ].flat(),
      found.flatMap((run) => run.measured.map((row) => line(run, row, one, work.engine === 'cuda'))),
    ),
    ...several.flatMap((run) => [
      ...(run.speeds.sumParts ? [connection(run, one)] : [speeds(run), limiter(run, parameters)]),
      ...cards(run),
    ]),
  ].join('\n\n')}\n`;
}

function line({ ranks }: Found, row: Measured, one: Found, connected: boolean): string[] {
  const alone = one.measured.find(({ passes }) => passes === row.passes);
  const efficiency = row.tokensPerSecond / ranks / (alone?.tokensPerSecond ?? Number.NaN);
  return [
    `${ranks}`,
    ranks === 1 ? 'alone' : connected ? 'together, NCCL' : nameOf(row),
    `${row.passes}`,
    row.tokensPerSecond.toFixed(0),
    row.slowestRank.toFixed(0),
    ranks === 1 ? '' : percent(efficiency),
    (1000 * row.secondsPerStep).toFixed(1),
    ranks === 1 || connected ? '' : (1000 * row.waited).toFixed(1),
    ranks === 1 ? '' : (bytesSent(row, ranks) / 1e6).toFixed(1),
    ...(connected ? [(row.usedBytes / 2 ** 30).toFixed(2)] : []),
  ];
}

function nameOf({ shardOptimizer, localSteps }: Measured): string {
  if (localSteps > 0) return `local, ${localSteps} steps`;
  return shardOptimizer ? 'together, sharded' : 'together';
}

/** For one rank: a sum and a distribution of all parameters, each (N − 1)/N of them. */
function bytesSent({ parameters, localSteps }: Measured, ranks: number): number {
  return (8 * parameters * (ranks - 1)) / ranks / Math.max(1, localSteps);
}

function speeds({ ranks, speeds }: Found): string {
  const moved = speeds.read
    ? `; from the GPU at ${gigabytes(speeds.read)}, back at ${gigabytes(speeds.write!)}`
    : '; the host shares the engine’s memory';
  return `A bucket of 16 MiB by itself: summed over ${ranks} ranks at ${gigabytes(speeds.sum)}${moved}.`;
}

/** How fast engines exchange by themselves, and how much of it is not hidden behind computing. */
function connection({ ranks, measured, speeds }: Found, one: Found): string {
  const { sumParts, gatherParts } = speeds as Required<Speeds>;
  const bytes = 4 * measured[0]!.parameters;
  const alone = [bytes / sumParts, bytes / gatherParts].map((seconds) => (1000 * seconds).toFixed(1));
  const added = measured.map((row) => {
    const expected = one.measured.find(({ passes }) => passes === row.passes)!;
    return `${(1000 * (row.secondsPerStep - expected.secondsPerStep)).toFixed(1)} ms with ${row.passes} pass(es)`;
  });
  return (
    `128 MiB by themselves, by bytes of the whole: summed in parts over ${ranks} ranks at ${gigabytes(sumParts)}, parts ` +
    `gathered at ${gigabytes(gatherParts)}; all gradients would take ${alone[0]} ms, all weights ${alone[1]} ms. ` +
    `A step of ${ranks} ranks takes longer than one of one rank by ${added.join(', ')}.`
  );
}

/** The limiting part of a step of one pass, by the time that each part takes alone. */
function limiter({ ranks, measured, speeds }: Found, parameters: number): string {
  const row = measured.find(({ shardOptimizer, localSteps }) => !shardOptimizer && localSteps === 0)!;
  const exchange = partsOf(speeds, 4 * parameters);
  const parts = [['computing', row.secondsPerStep - row.waited] as const, ...exchange];
  const [name, seconds] = parts.reduce((longest, part) => (part[1] > longest[1] ? part : longest));
  const all = parts.map(([part, time]) => `${part} ${(1000 * time).toFixed(0)} ms`).join(', ');
  return (
    `The limiter of ${ranks} ranks that update together with ${row.passes} pass(es) each: ${name}, ` +
    `${(1000 * seconds).toFixed(0)} ms of a step of ${(1000 * row.secondsPerStep).toFixed(0)} ms (${all}; they overlap in part).`
  );
}

function partsOf({ sum, read, write }: Speeds, bytes: number): (readonly [string, number])[] {
  const moved =
    read && write
      ? ([
          ['gradients from the GPU', bytes / read],
          ['sums back', bytes / write],
        ] as const)
      : [];
  return [['summing over ranks', bytes / sum], ...moved];
}

function cards({ ranks, gpus, driver }: Found): string[] {
  const taken = gpus.map((gpu, rank) => `rank ${rank} on ${gpu}`).join('; ');
  const said = driver.length > 0 ? [`The driver, while ${ranks} ranks train: ${driver.join(' · ')}.`] : [];
  return gpus.length > 0 ? [`${taken}.`, ...said] : [];
}

const percent = (share: number) => (Number.isFinite(share) ? `${(100 * share).toFixed(0)} %` : '');
const gigabytes = (bytesPerSecond: number) => `${(bytesPerSecond / 1e9).toFixed(2)} GB/s`;

function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [row(head), row(head.map(() => '---')), ...body.map(row)].join('\n');
}
