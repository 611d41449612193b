/** 10,000 damaged GGUF files: each loads, or is refused by an InputError; none crashes, hangs or allocates what it says. */
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { afterAll, expect, it } from 'vitest';
import { mutated } from '../../../test/torture/mutated.ts';
import { InputError } from '../../errors.ts';
import { giveFiles } from '../../platform/givenFiles.ts';
import { SeededRandom } from '../../text/seededRandom.ts';
import { TextTokenizer } from '../../text/tokenizer.ts';
import { Checkpoint } from '../checkpoint.ts';
import { ggufBytes, zeros } from './testing.ts';

const files = new Map<string, Uint8Array>();
const { folder, remove } = giveFiles(files);
afterAll(remove);

const runs = 10_000;
const seed = 19;

/** A model of one layer with matrices of these types. */
function sample(architecture: string, types: readonly number[]): Uint8Array {
  const width = 256;
  const names = ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'];
  return ggufBytes(
    {
      'general.architecture': architecture,
      [`${architecture}.context_length`]: 64,
      [`${architecture}.embedding_length`]: width,
      [`${architecture}.block_count`]: 1,
      [`${architecture}.feed_forward_length`]: 8,
      [`${architecture}.attention.head_count`]: 2,
      [`${architecture}.attention.head_count_kv`]: 2,
      [`${architecture}.attention.key_length`]: 4,
      [`${architecture}.attention.layer_norm_rms_epsilon`]: 1e-5,
      [`${architecture}.rope.freq_base`]: 10000,
      'tokenizer.ggml.model': 'gpt2',
      'tokenizer.ggml.pre': 'llama-bpe',
      'tokenizer.ggml.tokens': ['<s>', '</s>', 'a', 'b', 'ab', 'Ġ', 'Ġa', '[PAD]'],
      'tokenizer.ggml.token_type': [3, 3, 1, 1, 1, 1, 1, 5],
      'tokenizer.ggml.merges': ['a b', 'Ġ a'],
      'tokenizer.ggml.bos_token_id': 0,
      'tokenizer.ggml.eos_token_id': 1,
      'tokenizer.ggml.add_bos_token': true,
      'tokenizer.chat_template': '{{ messages[0].content }}',
    },
    [
      ...types.map((type, k) => zeros(`blk.0.${names[k]}.weight`, [width, 8], type)),
      zeros('blk.0.attn_norm.weight', [width]),
      zeros('token_embd.weight', [width, 8], 8),
      zeros('output.weight', [width, 8], 14),
    ],
  );
}

const samples = [
  sample('bitnet-b1.58', [36, 34, 35, 42, 142, 0, 1]),
  sample('qwen3', [34, 35, 41, 142, 2, 12, 13]),
  sample('llama', [0, 1, 30, 42, 41, 8, 14]),
];

async function read(bytes: Uint8Array): Promise<void> {
  files.set('model.gguf', bytes);
  const path = `${folder}/model.gguf`;
  await using checkpoint = await Checkpoint.open(path);
  for (const [name, { byteLength }] of checkpoint.tensors) {
    // Of 66 bytes at most 1024 can come.
    expect(byteLength).toBeLessThan(32 * bytes.length);
    await checkpoint.readInto(name, new Uint8Array(byteLength));
  }
  const tokenizer = await TextTokenizer.loadIfPresent(path);
  tokenizer?.decode(tokenizer.encode('ab a <s>'));
}

it('are read or refused', { timeout: 120_000 }, async () => {
  const random = new SeededRandom(seed);
  for (const whole of samples) await read(whole);
  const outcomes = { read: 0, refused: 0 };
  for (let run = 0; run < runs; run++) {
    const whole = samples[run % 3]!;
    // Most damage to the header: data are zeros wherever they are cut.
    const header = 1600;
    const bytes =
      run % 4 === 3
        ? mutated(whole, random)
        : Buffer.concat([mutated(whole.subarray(0, header), random), whole.subarray(header)]);
    const error = await read(new Uint8Array(bytes)).then(
      () => undefined,
      (reason) => reason,
    );
    if (error === undefined) outcomes.read++;
    else {
      if (!(error instanceof InputError)) throw new Error(`run ${run}: ${error}`, { cause: error });
      outcomes.refused++;
    }
  }
  await keepResult({ seed, runs, ...outcomes, crashes: 0 });
  // Of both there are many, so that neither is all that was tried.
  expect(outcomes.read).toBeGreaterThan(runs / 20);
  expect(outcomes.refused).toBeGreaterThan(runs / 5);
});

const readers = ['src/checkpoint/gguf/*.ts', ':!src/checkpoint/gguf/*.test*.ts'];

/** GGUF_MUTATIONS_OUT=results/gguf-mutations.json writes the counts and the last commit that changed the readers. */
async function keepResult(counts: object): Promise<void> {
  const path = process.env.GGUF_MUTATIONS_OUT;
  if (path === undefined) return;
  const commit = execFileSync('git', ['log', '-1', '--format=%H', '--', ...readers], {
    encoding: 'utf8',
  }).trim();
  await writeFile(path, `${JSON.stringify({ commit, ...counts }, undefined, 2)}\n`);
}
