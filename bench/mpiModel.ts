/**
 * Efficiency by the cost model (src/mpi/cost.ts), from 1 to 1,024 hosts: `npx node bench/mpiModel.ts` writes
 * results/mpi-efficiency.svg and prints the table of docs/mpi.md.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as Plot from '@observablehq/plot';
import { renderFigure } from '../src/figures/svg.ts';
import { bytesOfExchange, efficiencyOf } from '../src/mpi/cost.ts';

const results = new URL('../results/', import.meta.url);
const { rows } = JSON.parse(await readFile(new URL('gpu.json', results), 'utf8')) as {
  readonly rows: readonly { readonly name: string; readonly milliseconds: number }[];
};
const training = rows.find(({ name }) => name === 'training, 8 × 2048');
if (!training)
  throw new Error('results/gpu.json: found no training of 8 × 2048 tokens, expected that of 370M');
/** 370M on one H200 a host: seconds of a pass of 8 × 2,048 tokens. */
const [parameters, pass] = [374e6, training.milliseconds / 1e3];
const gigabits = [1, 10, 100];
const methods = [
  { label: 'every step, 1 pass', every: 1, passes: 1, color: '#d95f02' },
  { label: 'every step, 16 passes', every: 1, passes: 16, color: '#2166ac' },
  { label: 'local, 50 steps of 1 pass', every: 50, passes: 1, color: '#1b7837' },
];
const hosts = Array.from({ length: 11 }, (_, k) => 2 ** k);

const points = gigabits.flatMap((speed) =>
  methods.flatMap(({ label, every, passes, color }) =>
    hosts.map((count) => {
      const cost = { parameters, every, computing: pass * passes, bytesPerSecond: (speed * 1e9) / 8 };
      return { speed, label, color, count, efficiency: 100 * efficiencyOf(cost, count) };
    }),
  ),
);

const svg = renderFigure({
  title: 'Efficiency by hosts, network and method (370M, one H200 a host)',
  legend: methods.map(({ label, color }) => ({ label, color, strokeWidth: 2.5 })),
  verticalAxis: 'efficiency (%)',
  plot: {
    ...{ marginLeft: 48, marginRight: 24 },
    fx: { label: null, tickFormat: (speed: number) => `${speed} Gb/s`, axis: 'top', padding: 0.12 },
    x: {
      type: 'log',
      base: 2,
      ticks: [1, 4, 16, 64, 256, 1024],
      tickFormat: (n: number) => `${n}`,
      label: 'hosts',
    },
    y: { label: null, grid: true, domain: [0, 100] },
    marks: [
      Plot.ruleY([0]),
      Plot.line(points, {
        fx: 'speed',
        x: 'count',
        y: 'efficiency',
        z: 'label',
        stroke: 'color',
        strokeWidth: 2.5,
      }),
    ],
  },
});
await writeFile(fileURLToPath(new URL('mpi-efficiency.svg', results)), svg);

const counts = [2, 8, 64, 1024];
console.log(`| network | update | MB a step | ${counts.map((count) => `${count} hosts`).join(' | ')} |`);
console.log(`| --- | --- | --: |${' --: |'.repeat(counts.length)}`);
for (const speed of gigabits) {
  for (const { label, every } of methods) {
    const cells = counts.map((count) => {
      const found = points.find(
        (point) => point.speed === speed && point.label === label && point.count === count,
      )!;
      return `${found.efficiency.toFixed(0)} %`;
    });
    const bytes = bytesOfExchange(parameters, 1024) / every / 1e6;
    console.log(`| ${speed} Gb/s | ${label} | ${bytes.toFixed(0)} | ${cells.join(' | ')} |`);
  }
}
