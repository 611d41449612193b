/**
 * Which hidden state or recurrent state embeds texts best, on a small retrieval set: of each document its beginning is the
 * query, and a later passage of the same document is to be found among those of all.
 *
 *   npx node bench/embeddings.ts --data knowledge.txt.zst --out results/embeddings
 */
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { LanguageModel } from '../src/index.ts';
import { readDocuments } from '../src/text/corpus.ts';
import { outputPath } from './outputPath.ts';

const flags = new Command()
  .requiredOption('--data <path>', 'a corpus file, of which documents are taken')
  .option('--model <source>', 'model to measure', 'plusminus/stories')
  .option('--documents <n>', 'number of documents', Number, 300)
  .option('--every <n>', 'layers between two that are measured', Number, 2)
  .option('--skip <n>', 'documents between two that are taken', Number, 40)
  .option('--out <path>', 'where to write the table, without extension (default: results/embeddings)')
  .parse()
  .opts<{ data: string; model: string; documents: number; every: number; skip: number; out?: string }>();

interface Row {
  readonly pooling: 'mean' | 'last' | 'state';
  readonly layer: number;
  /** Share of queries whose own passage is the most similar one, and the mean of 1 / its rank. */
  readonly first: number;
  readonly reciprocalRank: number;
  /** The same with the mean of all vectors taken away before they are compared. */
  readonly centredFirst: number;
}

const words = (text: string, from: number, to: number) => text.split(/\s+/).slice(from, to).join(' ');

async function pairs(): Promise<{ query: string; passage: string }[]> {
  const found: { query: string; passage: string }[] = [];
  let seen = 0;
  for await (const document of readDocuments(flags.data)) {
    if (document.split(/\s+/).length < 160 || seen++ % flags.skip !== 0) continue;
    found.push({ query: words(document, 0, 24), passage: words(document, 60, 140) });
    if (found.length === flags.documents) break;
  }
  return found;
}

function ranks(queries: readonly Float32Array[], passages: readonly Float32Array[]): number[] {
  return queries.map((query, own) => {
    const scores = passages.map((passage) => passage.reduce((sum, x, i) => sum + x * query[i]!, 0));
    return 1 + scores.filter((score) => score > scores[own]!).length;
  });
}

function centred(vectors: readonly Float32Array[]): Float32Array[] {
  const mean = new Float64Array(vectors[0]!.length);
  for (const vector of vectors) for (const [i, x] of vector.entries()) mean[i]! += x / vectors.length;
  return vectors.map((vector) => {
    const moved = vector.map((x, i) => x - mean[i]!);
    const length = Math.hypot(...moved);
    return moved.map((x) => x / length);
  });
}

const share = (found: readonly number[]) => found.filter((rank) => rank === 1).length / found.length;

const out = await outputPath(flags.out, 'embeddings');
await using model = await LanguageModel.load(flags.model);
const set = await pairs();
const rows: Row[] = [];
for (const pooling of ['mean', 'last', 'state'] as const) {
  for (
    let layer = pooling === 'state' ? flags.every : 0;
    layer <= model.config.layers;
    layer += flags.every
  ) {
    const queries = await model.embed(
      set.map(({ query }) => query),
      { pooling, layer },
    );
    const passages = await model.embed(
      set.map(({ passage }) => passage),
      { pooling, layer },
    );
    const found = ranks(queries, passages);
    const reciprocalRank = found.reduce((sum, rank) => sum + 1 / rank, 0) / found.length;
    const centredFirst = share(ranks(centred(queries), centred(passages)));
    rows.push({ pooling, layer, first: share(found), reciprocalRank, centredFirst });
    console.log(JSON.stringify(rows.at(-1)));
  }
}

const percent = (x: number) => `${(100 * x).toFixed(1)} %`;
const table = [
  `# Embeddings of ${flags.model}`,
  '',
  `${set.length} documents: the query is the first 24 words, the passage words 61 to 140 of the same document, to be found`,
  'among those of all. "First": the own passage is the most similar. "Centred": after the mean vector is taken away.',
  '',
  '| pooling | layer | first | mean reciprocal rank | first, centred |',
  '| --- | --- | --- | --- | --- |',
  ...rows.map(
    ({ pooling, layer, first, reciprocalRank, centredFirst }) =>
      `| ${pooling} | ${layer} | ${percent(first)} | ${reciprocalRank.toFixed(3)} | ${percent(centredFirst)} |`,
  ),
  '',
];
await writeFile(`${out}.md`, table.join('\n'));
await writeFile(
  `${out}.json`,
  `${JSON.stringify({ model: flags.model, documents: set.length, rows }, undefined, 2)}\n`,
);
