/** Every reader of input from outside, with sound inputs to damage. */
import { mkdtempSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assemble } from '../../src/accelerator/assembler.ts';
import { decode } from '../../src/accelerator/instructionSet.ts';
import { formatRom, parseRom } from '../../src/accelerator/romFile.ts';
import { parseConfig } from '../../src/checkpoint/huggingFaceConfig.ts';
import { SafetensorsFile } from '../../src/checkpoint/safetensors.ts';
import { writeSafetensors } from '../../src/checkpoint/writeSafetensors.ts';
import { InputError } from '../../src/errors.ts';
import { renderChat } from '../../src/generate/chatTemplate.ts';
import { Checksum } from '../../src/generate/checksum.ts';
import { decodeSession, encodeSession } from '../../src/generate/savedSession.ts';
import { parseJsonObject } from '../../src/json.ts';
import { chatFieldsOf, completionFieldsOf } from '../../src/serve/fields.ts';
import { parseIndex } from '../../src/text/shardIndex.ts';
import { TokenShards } from '../../src/text/shards.ts';
import { listed } from '../../src/text/testing.ts';
import { TextTokenizer } from '../../src/text/tokenizer.ts';
import { trainBpe } from '../../src/text/trainBpe.ts';
import { writeShards } from '../../src/text/writeShards.ts';
import { readLog } from '../../src/train/log.ts';
import { readRunFile, writeRunFile } from '../../src/train/runFile.ts';
import { defaultSettings } from '../../src/train/settings.ts';
import { rhyme } from '../../src/train/testing.ts';

export interface Reader {
  readonly name: string;
  readonly samples: readonly Uint8Array[];
  /** Throws InputError, or ApiError, if it refuses the input. */
  readonly read: (bytes: Uint8Array) => unknown;
  /** Makes a checksum right again. */
  readonly repair?: (bytes: Uint8Array) => void;
}

const utf8 = (text: string) => new TextEncoder().encode(text);
const json = (value: unknown) => utf8(JSON.stringify(value));
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

export async function makeReaders(): Promise<Reader[]> {
  const folder = mkdtempSync(join(tmpdir(), 'plusminus-torture-'));
  const trained = await trainBpe(listed([rhyme]), { vocabularySize: 270 });
  const tokenizer = TextTokenizer.fromJson(trained.json, trained.config);
  return [
    ...(await checkpointReaders(folder)),
    ...tokenizerReaders(trained, tokenizer),
    ...(await trainingReaders(folder, tokenizer)),
    ...serverReaders(),
    ...acceleratorReaders(),
  ];
}

async function checkpointReaders(folder: string): Promise<Reader[]> {
  const path = join(folder, 'model.safetensors');
  const tensors = ['a', 'b', 'c'].map((name) => ({
    ...{ name, shape: [2, 3], dtype: 'F32' as const },
    chunks: () => [new Uint8Array(24)],
  }));
  await writeSafetensors(path, tensors, { format: 'pt', step: '3' });
  const config = await readFile(join(import.meta.dirname, '../../models/stories/config.json'));
  return [
    {
      name: 'safetensors',
      samples: [new Uint8Array(await readFile(path))],
      async read(bytes) {
        await writeFile(path, bytes);
        const file = await SafetensorsFile.open(path);
        try {
          for (const name of file.tensors.keys()) await file.read(name);
        } finally {
          await file.close();
        }
      },
      repair: (bytes) => {
        if (bytes.length > 72)
          new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8 - 72), true);
      },
    },
    {
      name: 'config.json',
      samples: [new Uint8Array(config)],
      read: (bytes) => parseConfig(parseJsonObject(bytes, 'config.json'), 'config.json'),
    },
  ];
}

function tokenizerReaders(
  trained: { readonly json: unknown; readonly config: unknown },
  tokenizer: TextTokenizer,
): Reader[] {
  const messages = [
    { role: 'system' as const, content: 'Add.' },
    { role: 'user' as const, content: 'Subtract?' },
  ];
  const templates = [
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '<|user|>' + m['content'] | trim }}{% else %}" +
      '{{ m.role }}: {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}{% if add_generation_prompt %}a:{% endif %}',
    '{% set ns = namespace(x=0) %}{% for i in range(5) %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}' +
      "{{ messages[0].content.split('d')[0] | upper }}{{ messages | length }}",
  ];
  return [
    {
      name: 'tokenizer.json',
      samples: [json(trained.json)],
      read(bytes) {
        const read = TextTokenizer.fromJson(parseJsonObject(bytes, 'tokenizer.json'), trained.config);
        read.decode(read.encode('add and subtract 12 <|end|> é'));
      },
    },
    {
      name: 'chat template',
      samples: templates.map(utf8),
      read(bytes) {
        const config = { ...(trained.config as object), chat_template: textOf(bytes) };
        renderChat(TextTokenizer.fromJson(tokenizer.json, config), messages);
      },
    },
  ];
}

async function trainingReaders(folder: string, tokenizer: TextTokenizer): Promise<Reader[]> {
  const shards = join(folder, 'tokens');
  await writeShards(shards, listed([rhyme]), tokenizer);
  const [index, tokens] = [join(shards, 'shards.json'), join(shards, 'tokens-00000.bin')];
  await writeRunFile(folder, { settings: defaultSettings, tokens: shards, engine: 'cpu' });
  const [runFile, log] = [join(folder, 'training.json'), join(folder, 'log.jsonl')];
  const line = { event: 'validation', step: 1, loss: 2, bitsPerByte: 1 };
  return [
    {
      name: 'shards.json',
      samples: [new Uint8Array(await readFile(index))],
      read: (bytes) => parseIndex(textOf(bytes), 'shards.json'),
    },
    {
      name: 'token shard',
      samples: [new Uint8Array(await readFile(tokens))],
      async read(bytes) {
        await writeFile(tokens, bytes);
        const open = await TokenShards.open(shards);
        try {
          await open.read(0, new Int32Array(open.tokenCount));
        } finally {
          await open.close();
        }
      },
    },
    {
      name: 'training.json',
      samples: [new Uint8Array(await readFile(runFile))],
      async read(bytes) {
        await writeFile(runFile, bytes);
        await readRunFile(folder);
      },
    },
    {
      name: 'log.jsonl',
      samples: [utf8(`${JSON.stringify(line)}\n`.repeat(5))],
      async read(bytes) {
        await writeFile(log, bytes);
        if ((await readLog(log)).length < 5) throw new InputError('a torn log is cut off');
      },
    },
  ];
}

function serverReaders(): Reader[] {
  const owner = { fingerprint: 7, vocabulary: 100, stateSize: 8 };
  const session = { tokens: 5, unread: [4], recent: [1, 2, 3, 4], state: new Float32Array(8) };
  const messages = [{ role: 'user', content: 'Hello' }];
  const bodyOf = (bytes: Uint8Array): unknown => {
    try {
      return JSON.parse(textOf(bytes));
    } catch (cause) {
      throw new InputError('not JSON', { cause });
    }
  };
  return [
    {
      name: 'saved session',
      samples: [encodeSession(session, 7)],
      read: (bytes) => decodeSession(bytes, owner),
      repair: (bytes) => {
        if (bytes.length < 4) return;
        const body = bytes.subarray(0, bytes.length - 4);
        new DataView(bytes.buffer).setUint32(body.length, new Checksum().add(body).value, true);
      },
    },
    {
      name: 'chat body',
      samples: [
        json({ model: 'm', messages, temperature: 0.5, max_tokens: 5, stream: true }),
        json({ messages, stop: ['a', 'b'], n: 2, seed: 3, logprobs: true, top_logprobs: 2 }),
      ],
      read: (bytes) => chatFieldsOf(bodyOf(bytes)),
    },
    {
      name: 'completion body',
      samples: [json({ prompt: ['a', 'b'], max_tokens: 5, echo: true, logprobs: 3, logit_bias: { 5: 1 } })],
      read: (bytes) => completionFieldsOf(bodyOf(bytes)),
    },
  ];
}

const assembly = `
.const width 64
token:
  tin done
  wst 0, 0x100, beats=8
  lde v0, 0x40, len=width, left=2
  mul v0, v0, v0, shift=18, len=width, max=s1
  srcp s2, s1
  sli s3, 127.0
  qnt q0, v0, scale=s2, len=width
  tmv q0, rows=16 * 2, cols=width, arg, first
  tout
  jmp token
done:
  halt
`;

function acceleratorReaders(): Reader[] {
  const image = formatRom(assemble(assembly));
  return [
    { name: 'assembly', samples: [utf8(assembly)], read: (bytes) => assemble(textOf(bytes)) },
    {
      name: 'image',
      samples: [utf8(image.repeat(8))],
      read: (bytes) => parseRom(textOf(bytes), 'rom.hex').map(decode),
    },
  ];
}
