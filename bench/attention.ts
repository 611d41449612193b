/**
 * Attention alone on an NVIDIA card, forward and backward, on tensor cores beside one warp for each query; results of the
 * two are compared.
 *
 *   npx node bench/attention.ts [OUT]     writes OUT.json, by default runs/attention.json
 */
import './begin.ts';
import { writeFileSync } from 'node:fs';
import { CudaEngine } from '../src/engine/cuda/cudaEngine.ts';
import { bytesOf, readFloats } from '../src/engine/engine.ts';
import { attention } from '../src/ops/attention/attention.ts';
import { backward } from '../src/ops/gradients.ts';
import { output, record } from '../src/program/record.ts';
import { input, type Tensor } from '../src/program/tensor.ts';
import { SeededRandom } from '../src/text/seededRandom.ts';
import { outputPath } from './outputPath.ts';
import { median } from './statistics.ts';

interface Sizes {
  readonly batch: number;
  readonly length: number;
  readonly heads: number;
  readonly keyHeads?: number;
  readonly headSize: number;
}

/** Heads of the ladder, of 370M, of 1.3B and 13B, and of models in groups; a step has 16,384 tokens. */
const cases: Sizes[] = [
  { batch: 64, length: 256, heads: 5, headSize: 32 },
  { batch: 64, length: 256, heads: 8, headSize: 64 },
  { batch: 16, length: 1024, heads: 8, headSize: 64 },
  { batch: 8, length: 2048, heads: 16, headSize: 64 },
  { batch: 8, length: 2048, heads: 16, headSize: 128 },
  { batch: 4, length: 4096, heads: 16, headSize: 128 },
  { batch: 1, length: 2048, heads: 40, headSize: 128 },
  { batch: 8, length: 2048, heads: 16, keyHeads: 4, headSize: 80 },
];

const timed = async (run: () => Promise<unknown>, rounds = 5) => {
  const times: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const start = performance.now();
    await run();
    if (round >= 0) times.push(performance.now() - start);
  }
  return median(times);
};

/** Normal numbers that are repeated after a million. */
function noise(size: number, seed: number): Float32Array {
  const some = new SeededRandom(seed).fillNormal(new Float32Array(Math.min(size, 1_000_003)));
  const all = new Float32Array(size);
  for (let at = 0; at < size; at += some.length) all.set(some.subarray(0, size - at), at);
  return all;
}

/** Results and milliseconds of attention with its backward pass. */
async function measureAttention(sizes: Sizes, minHalfWork: number | undefined) {
  const { batch, length, heads, keyHeads = heads, headSize } = sizes;
  const engine = await CudaEngine.create({ minHalfWork });
  const [q, k, v, seed] = ['q', 'k', 'v', 'seed'].map((name, place) => {
    const tensor = input(name, [batch, length, (place % 3 ? keyHeads : heads) * headSize]);
    engine.write(tensor, bytesOf(noise(tensor.size, place)));
    return tensor;
  }) as [Tensor, Tensor, Tensor, Tensor];
  let results: Tensor[] = [];
  const forward = record('forward', () => output(attention({ q, k, v }, headSize)));
  const both = record('both', () => {
    const y = attention({ q, k, v }, headSize);
    results = [y, ...backward(new Map([[y, seed]]), [q, k, v]).values()];
    results.forEach(output);
  });
  const [once, twice] = [engine.load(forward), engine.load(both)];
  const rounds = minHalfWork === undefined ? 9 : 1;
  const forwardTime = await timed(() => once.run(), rounds);
  const bothTime = await timed(() => twice.run(), rounds);
  const kernels = (await twice.profile()).map(
    ({ kernel, milliseconds }) => `${kernel} ${milliseconds.toFixed(3)}`,
  );
  await twice.run();
  const found = [];
  for (const result of results) found.push(await readFloats(engine, result));
  await engine.dispose();
  return { forward: forwardTime, backward: bothTime - forwardTime, kernels, found };
}

/** Largest difference, relative to the largest entry. */
function difference(found: Float32Array, expected: Float32Array): number {
  let [largest, worst] = [1e-3, 0];
  for (let i = 0; i < found.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]!));
    const apart = Math.abs(found[i]! - expected[i]!);
    worst = Number.isNaN(apart) ? Number.POSITIVE_INFINITY : Math.max(worst, apart);
  }
  return worst / largest;
}

async function compare(sizes: Sizes) {
  const plain = await measureAttention(sizes, Number.POSITIVE_INFINITY);
  const tiles = await measureAttention(sizes, undefined);
  const { batch, length, heads, headSize } = sizes;
  const products = batch * heads * length * (length + 1) * headSize;
  const rate = (operations: number, milliseconds: number) => operations / milliseconds / 1e9;
  return {
    ...sizes,
    milliseconds: {
      plain: { forward: plain.forward, backward: plain.backward },
      tensorCores: { forward: tiles.forward, backward: tiles.backward },
    },
    /** Two products forward, five backward, each over the keys that are seen. */
    teraflops: { forward: rate(2 * products, tiles.forward), backward: rate(5 * products, tiles.backward) },
    differences: tiles.found.map((result, place) => difference(result, plain.found[place]!)),
    kernels: tiles.kernels,
  };
}

const out = `${await outputPath(process.argv[2] ?? 'runs/attention', 'attention')}.json`;
const rows: unknown[] = [];
for (const sizes of cases) {
  const row = await compare(sizes);
  rows.push(row);
  writeFileSync(out, `${JSON.stringify(rows, null, 2)}\n`);
  const { plain, tensorCores } = row.milliseconds;
  const speed = (of: 'forward' | 'backward') =>
    `${of} ${plain[of].toFixed(2)} → ${tensorCores[of].toFixed(3)} ms, ${row.teraflops[of].toFixed(0)} TFLOP/s`;
  const worst = Math.max(...row.differences).toExponential(1);
  console.log(`${JSON.stringify(sizes)} ${speed('forward')}; ${speed('backward')}; apart ${worst}`);
}
