/** The benchmark's tables: JSON for machines, Markdown for people. */
import { readFile } from 'node:fs/promises';
import { fusingFlag } from '../src/platform/fusing.ts';
import { type InferenceResult, ours, oursFused } from './protocol.ts';
import type { TrainingResult } from './trainingCase.ts';

export interface Report {
  readonly machine: { readonly processor: string; readonly cores: number; readonly node: string };
  readonly date: string;
  readonly rounds: number;
  /** The package that other engines' rows were measured with. */
  readonly rival?: string;
  readonly bandwidth: readonly { readonly threads: number; readonly bytesPerSecond: number }[];
  readonly inference: readonly (Omit<InferenceResult, 'tokens'> & {
    readonly size: string;
    readonly engine: string;
    readonly threads: number;
    /** Packed bytes read a second while decoding, relative to the measured read bandwidth. */
    readonly bandwidthShare: number;
  })[];
  readonly training: readonly (TrainingResult & {
    readonly size: string;
    /** Absent in earlier reports: WebAssembly. */
    readonly engine?: string;
    readonly threads: number;
  })[];
}

/** The earlier report at `path`, if there is one. */
export async function readReport(path: string): Promise<Report | undefined> {
  const text = await readFile(`${path}.json`, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Report);
}

export async function writeReport(
  path: string,
  report: Report,
  write: (path: string, text: string) => Promise<void>,
): Promise<void> {
  const markdown = format(report);
  await write(`${path}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
  await write(`${path}.md`, markdown);
  console.log(markdown);
}

function format({ machine, date, rounds, rival, bandwidth, inference, training }: Report): string {
  const read = bandwidth.map(
    ({ threads, bytesPerSecond }) => `${(bytesPerSecond / 1e9).toFixed(1)} GB/s with ${threads} thread(s)`,
  );
  return [
    '# CPU benchmark',
    '',
    `\`npm run bench\`, ${date}: ${machine.processor}, ${machine.cores} cores, Node ${machine.node}. ` +
      `Medians of ${rounds} processes. Absolute figures hold for this machine and day.`,
    '',
    `Memory reads: ${read.join(', ')}.`,
    '',
    '## Inference, random ternary weights',
    '',
    'Decoding one sequence; a prompt of 512 tokens. The share is of the bandwidth that the same number of threads ' +
      'reached in the same run, in GB/s, with the fastest number of streams.',
    ...(inference.some(({ engine }) => engine === oursFused)
      ? ['', `“${oursFused}”: Node with \`${fusingFlag}\`, which is experimental in V8.`]
      : []),
    '',
    table(
      [
        'model',
        'engine',
        'threads',
        'load s',
        'resident MB',
        'decode tokens/s',
        'packed GB/s',
        'share',
        'prompt tokens/s',
      ],
      inference.map((row) => [
        row.size,
        row.engine,
        `${row.threads}`,
        (row.loadMilliseconds / 1000).toFixed(2),
        (row.residentBytes / 1e6).toFixed(0),
        row.decodeTokensPerSecond.toFixed(1),
        (packedBandwidth(row) / 1e9).toFixed(2),
        `${(100 * row.bandwidthShare).toFixed(0)} % of ${(packedBandwidth(row) / row.bandwidthShare / 1e9).toFixed(1)}`,
        row.promptTokensPerSecond.toFixed(0),
      ]),
    ),
    ...(rival ? ['', comparisonText(rival), '', comparisonTable(inference)] : []),
    ...(training.length ? ['', '## Training', '', trainingText, '', trainingTable(training)] : []),
    '',
  ].join('\n');
}

const comparisonText = (rival: string) =>
  `Ours divided by theirs (${rival}), processes in turn. Theirs is a Llama of the same layers, widths and ` +
  'vocabulary with random ternary matrices; it also keeps and reads a cache of keys and values.';

function comparisonTable(rows: Report['inference']): string {
  const ratio = (mine: number, other: number) => `${(mine / other).toFixed(2)} ×`;
  return table(
    ['model', 'threads', 'ours', 'theirs', 'decode speed', 'prompt speed', 'resident'],
    rows
      .filter(({ engine }) => engine.startsWith(ours))
      .flatMap((mine) =>
        rows
          .filter(
            ({ engine, size, threads }) =>
              !engine.startsWith(ours) && size === mine.size && threads === mine.threads,
          )
          .map((other) => ({ mine, other })),
      )
      .map(({ mine, other }) => {
        return [
          mine.size,
          `${mine.threads}`,
          mine.engine,
          other.engine,
          ratio(mine.decodeTokensPerSecond, other.decodeTokensPerSecond),
          ratio(mine.promptTokensPerSecond, other.promptTokensPerSecond),
          ratio(mine.residentBytes, other.residentBytes),
        ];
      }),
  );
}

const trainingText =
  'One AdamW step on 8 × 256 tokens: released form, width 256, GLU 768, 6 layers. ' +
  'GFLOP/s by 6 operations a parameter and token.';

function trainingTable(rows: Report['training']): string {
  return table(
    ['model', 'parameters', 'engine', 'threads', 'tokens/s', 'GFLOP/s', 'temporaries MB'],
    rows.map((row) => [
      row.size,
      row.parameters.toLocaleString('en'),
      row.engine ?? ours,
      `${row.threads}`,
      row.tokensPerSecond.toFixed(0),
      row.gigaflops.toFixed(1),
      (row.temporaryBytes / 1e6).toFixed(0),
    ]),
  );
}

/** Bytes of packed matrices that decoding reads in a second. */
function packedBandwidth(row: Report['inference'][number]): number {
  return row.decodeTokensPerSecond * row.bytesPerToken;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
