/** The serving benchmark's report: Markdown, and a figure of the server's memory. */
import * as Plot from '@observablehq/plot';
import { renderFigure } from '../src/figures/svg.ts';
import type { LoadResult, MemorySample } from './serveCase.ts';
import type { KillResult } from './serveKill.ts';
import type { PrefixResult } from './servePrefix.ts';
import type { Bringing, TurnResult } from './serveTurns.ts';

export interface Report {
  readonly machine: { readonly processor: string; readonly cores: number; readonly node: string };
  readonly date: string;
  readonly model: string;
  readonly threads: number;
  /** Value of `--cache-mb`. */
  readonly cacheMb: number;
  /** Seconds of load before measuring. */
  readonly warmUp: number;
  /** One client; all clients without batching; all clients. */
  readonly load: readonly ({ readonly name: string } & LoadResult)[];
  readonly turns: Readonly<Record<Bringing, TurnResult>>;
  readonly prefix: PrefixResult;
  /** Number of conversations in the medians of turns. */
  readonly rounds: number;
  readonly kills: KillResult;
}

export function format(report: Report, figure: string): string {
  const { machine, date, model, threads, load } = report;
  const [single, loop, batched] = load.map(({ tokensPerSecond }) => tokensPerSecond) as [
    number,
    number,
    number,
  ];
  return [
    '# Serving',
    '',
    `\`npm run bench:serve\`, ${date}: ${machine.processor}, ${machine.cores} cores, Node ${machine.node}; ` +
      `model ${model} with random weights, ${threads} engine thread(s), clients on the same machine. ` +
      'Absolute figures hold for this machine and day.',
    '',
    ...loadTable(load),
    '',
    `Together: ${(batched / single).toFixed(1)} × the tokens of one client, ${(batched / loop).toFixed(1)} × those of ` +
      'the same clients served one sequence after the other. A stream is lost if it fails, or ends without its last ' +
      'token and its usage.',
    '',
    '## Memory',
    '',
    ...memoryText(report),
    '',
    `![Resident memory and state cache over time](${figure})`,
    '',
    '## A conversation of 52 turns',
    '',
    ...turnsTable(report),
    '',
    '## A beginning that chats share',
    '',
    prefixText(report.prefix),
    '',
    '## Killed',
    '',
    killsText(report.kills),
    '',
  ].join('\n');
}

const row = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;

function loadTable(load: Report['load']): string[] {
  const head = [
    ...['', 'seconds', 'tokens/s', 'answers', 'lost', 'first text ms, median', '99 %'],
    ...['longest pause ms', 'slowest / median client'],
  ];
  return [
    row(head),
    row(head.map(() => '---')),
    ...load.map((one) =>
      row([
        ...[one.name, one.seconds, one.tokensPerSecond.toFixed(0), one.answers, one.lost],
        ...[one.firstMedian, one.first99, one.longestPause].map((value) => value?.toFixed(0) ?? '–'),
        one.slowestShare.toFixed(2),
      ]),
    ),
  ];
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);

function memoryText({ load, warmUp, cacheMb }: Report): string[] {
  const { memory, clients, seconds } = load.at(-1)!;
  const counted = memory.filter((sample) => sample.seconds >= warmUp);
  const halves = [counted.slice(0, counted.length / 2), counted.slice(counted.length / 2)];
  const [early, late] = halves.map((half) => Math.min(...half.map(({ heapBytes }) => heapBytes)));
  const resident = counted.map(({ residentBytes }) => residentBytes);
  const cache = Math.max(...counted.map(({ cacheBytes }) => cacheBytes));
  return [
    `${clients} clients for ${seconds} s, after ${warmUp} s of the same load: between ${megabytes(Math.min(...resident))} and ` +
      `${megabytes(Math.max(...resident))} MB resident; a straight line through the samples changes by ` +
      `${(slope(counted) / 1e6).toFixed(1)} MB a minute. JavaScript's heap, after its collections, had come down to ` +
      `${megabytes(early!)} MB in the first half of that time and to ${megabytes(late!)} MB in the second. The state ` +
      `cache held ${(cache / 1e6).toFixed(2)} MB at most, of \`--cache-mb ${cacheMb}\`.`,
  ];
}

/** Bytes a minute, by least squares. */
function slope(samples: readonly MemorySample[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [samples.map(({ seconds }) => seconds / 60), samples.map((one) => one.residentBytes)];
  const [mx, my] = [mean(x), mean(y)];
  const products = x.reduce((sum, xi, i) => sum + (xi - mx) * (y[i]! - my), 0);
  return products / x.reduce((sum, xi) => sum + (xi - mx) ** 2, 0);
}

function prefixText(prefix: PrefixResult): string {
  const { tokens, cachedTokens, firstMilliseconds, secondMilliseconds, emptyMilliseconds } = prefix;
  return (
    `A system message of ${cachedTokens} tokens, then a question: the first text comes after ` +
    `${firstMilliseconds.toFixed(0)} ms, for a second question (${tokens} tokens in all) after ` +
    `${secondMilliseconds.toFixed(0)} ms, ${(secondMilliseconds / emptyMilliseconds).toFixed(2)} × the ` +
    `${emptyMilliseconds.toFixed(0)} ms of a chat of one word.`
  );
}

function turnsTable({ turns, rounds }: Report): string[] {
  const head = [
    ...['the client brings', 'tokens at turn 2', 'at turn 50', 'read again at turn 50'],
    ...['first text ms, turn 2', 'turn 50', 'turn 50 / turn 2'],
  ];
  const names = { messages: 'all messages', session: 'the name of its session' };
  return [
    row(head),
    row(head.map(() => '---')),
    ...(['messages', 'session'] as const).map((bringing) => {
      const one = turns[bringing];
      return row([
        ...[names[bringing], one.secondTokens, one.fiftiethTokens, one.fiftiethReadTokens],
        ...[one.secondMilliseconds.toFixed(1), one.fiftiethMilliseconds.toFixed(1)],
        (one.fiftiethMilliseconds / one.secondMilliseconds).toFixed(2),
      ]);
    }),
    '',
    `Medians of ${rounds} conversations, each turn the median of five like it.`,
  ];
}

function killsText({ rounds, clients, acknowledged, sessions, lost }: KillResult): string {
  return (
    `Killed with SIGKILL ${rounds} times while ${clients} clients saved sessions, and started again: of ` +
    `${acknowledged} acknowledged saves of ${sessions} sessions, ${lost} were lost.`
  );
}

const blue = '#2166ac';
const green = '#1b7837';
const orange = '#d95f02';
const gray = '#777';

/** Resident memory and the state cache since the first request. */
export function memoryFigure({ load, warmUp }: Report): string {
  const { memory, clients } = load.at(-1)!;
  const line = (name: Exclude<keyof MemorySample, 'seconds'>, stroke: string) =>
    Plot.lineY(memory, { x: 'seconds', y: (sample) => sample[name] / 1e6, stroke, strokeWidth: 2 });
  return renderFigure({
    title: `Memory of a server with ${clients} streaming clients`,
    legend: [
      { label: 'resident', color: blue, strokeWidth: 2 },
      { label: "JavaScript's heap", color: green, strokeWidth: 2 },
      { label: 'state cache', color: orange, strokeWidth: 2 },
      { label: 'the minute that counts begins', color: gray, strokeWidth: 1, dashed: true },
    ],
    verticalAxis: 'MB',
    plot: {
      marginLeft: 56,
      x: { label: 'seconds', labelArrow: 'right', labelAnchor: 'center' },
      y: { label: null, grid: true, nice: true, zero: true },
      marks: [
        Plot.ruleX([warmUp], { stroke: gray, strokeDasharray: '3,3' }),
        line('residentBytes', blue),
        line('heapBytes', green),
        line('cacheBytes', orange),
      ],
    },
  });
}
