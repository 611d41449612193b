import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { type CorpusOptions, readConversations, readDocuments } from './corpus.ts';
import { collect } from './testing.ts';

fc.configureGlobal({ seed: 1 });

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'corpus-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function written(name: string, content: string | Uint8Array): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, content);
  return file;
}

const read = async (name: string, content: string | Uint8Array, options: CorpusOptions = {}) =>
  collect(readDocuments(await written(name, content), options));

describe('text files', () => {
  it('are divided at separator lines, which take their line breaks with them', async () => {
    const text = 'a\n\nb\n<|endoftext|>\n<|endoftext|>\nc <|endoftext|>\r\n<|endoftext|>\r\nd\n';
    expect(await read('a.txt', text)).toEqual(['a\n\nb', 'c <|endoftext|>', 'd\n']);
    expect(await read('a.txt', 'x\n===\ny', { separator: '===' })).toEqual(['x', 'y']);
  });

  it('can be packed', async () => {
    const text = 'né\n<|endoftext|>\n🙂';
    const plain = await read('a.txt', text);
    expect(await read('a.txt.gz', gzipSync(text))).toEqual(plain);
    expect(await read('a.txt.zst', zstdCompressSync(text))).toEqual(plain);
    const parts = ['né\n<|endo', 'ftext|>\n', '🙂'];
    const skippable = Buffer.from('502a4d1804000000ffffffff', 'hex');
    const frames = parts.flatMap((part) => [skippable, zstdCompressSync(part)]);
    expect(await read('b.txt.zst', Buffer.concat([...frames, skippable]))).toEqual(plain);
    expect(await read('b.txt.gz', Buffer.concat(parts.map((part) => gzipSync(part))))).toEqual(plain);
  });

  it('without separators keep all of their text, in bounded documents', async () => {
    const text = fc.array(fc.constantFrom('word', ' ', '\n', '\n\n', '\r\n', '🙂', 'longerword'), {
      minLength: 1,
    });
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 2, max: 30 }), async (parts, maxCharacters) => {
        const documents = await read('a.txt', parts.join(''), { maxCharacters });
        expect(documents.join('')).toBe(parts.join(''));
        for (const document of documents) {
          expect(document.length).toBeLessThanOrEqual(maxCharacters);
          expect(document.isWellFormed()).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('are divided after a paragraph, a line or a word', async () => {
    const options = { maxCharacters: 12 };
    expect(await read('a.txt', 'aaa\nbbb\n\nccc ddd eee', options)).toEqual(['aaa\nbbb\n\n', 'ccc ddd eee']);
    expect(await read('a.txt', 'aaaa bbb\nccc ddd', options)).toEqual(['aaaa bbb\n', 'ccc ddd']);
    expect(await read('a.txt', 'aaaa bbbb cccc', options)).toEqual(['aaaa bbbb', ' cccc']);
  });

  it('longer than what is read at once come whole', async () => {
    const line = `${'é'.repeat(999)}\n`;
    const documents = await read('a.txt', line.repeat(700), { maxCharacters: 2 ** 30 });
    expect(documents).toEqual([line.repeat(700)]);
  });
});

describe('JSON lines', () => {
  it('give the text of a field, or messages', async () => {
    const rows =
      '{"text":"a"}\n\n{"text":"","x":1}\n{"messages":[{"role":"user","content":"b"},{"role":"bot","content":"c"}]}';
    expect(await read('a.jsonl', rows)).toEqual(['a', 'user: b\nbot: c']);
    expect(await read('a.jsonl', '{"story":"s"}', { field: 'story' })).toEqual(['s']);
    const renderMessages = (messages: { content: string }[]) =>
      messages.map(({ content }) => content).join('|');
    expect(await read('a.jsonl', rows, { renderMessages })).toEqual(['a', 'b|c']);
  });

  it('are divided when long', async () => {
    expect(await read('a.jsonl', '{"text":"aaaa bbbb cccc"}', { maxCharacters: 12 })).toEqual([
      'aaaa bbbb',
      ' cccc',
    ]);
  });

  it.each([
    ['{"text":"a"}\n{', /a\.jsonl:2: not JSON/],
    ['[]', /a\.jsonl:1: found a list of 0, expected an object/],
    ['{"title":"a"}', /a\.jsonl:1: text: found nothing in an object with the fields title, expected a text/],
    ['{"text":5}', /a\.jsonl:1: text: found 5/],
    ['{"messages":[{"role":"user"}]}', /a\.jsonl:1: messages\[0\]/],
  ])('refuse %s', async (rows, message) => {
    await expect(read('a.jsonl', rows)).rejects.toThrow(message);
  });
});

describe('a corpus', () => {
  it('is files and folders in order, other files left out', async () => {
    const inner = await mkdtemp(join(folder, 'inner-'));
    await writeFile(join(inner, 'b.txt'), 'second');
    await writeFile(join(inner, 'a.jsonl'), '{"text":"first"}');
    await writeFile(join(inner, 'notes.md'), 'no');
    const last = await written('last.txt', 'third');
    expect(await collect(readDocuments([inner, last]))).toEqual(['first', 'second', 'third']);
  });

  it('says what is wrong with it', async () => {
    const cases: [string, string | Uint8Array, RegExp][] = [
      ['empty.txt', '', /empty.txt: found no document/],
      [
        'latin1.txt',
        Uint8Array.of(65, 0xe9, 65),
        /latin1.txt: found bytes that are not UTF-8 between bytes 0 and 3/,
      ],
      ['cut.txt', Uint8Array.of(65, 0xc3), /cut.txt: found bytes that are not UTF-8 at its end/],
      ['cut.txt.gz', gzipSync('a'.repeat(5000)).subarray(0, 30), /cut.txt.gz: damaged/],
      ['cut.txt.zst', zstdCompressSync('a'.repeat(5000)).subarray(0, 15), /cut.txt.zst: damaged/],
      [
        'second.txt.zst',
        Buffer.concat([zstdCompressSync('a'), zstdCompressSync('b'.repeat(5000)).subarray(0, 15)]),
        /second.txt.zst: damaged/,
      ],
      [
        'tail.txt.zst',
        Buffer.concat([zstdCompressSync('a'), Buffer.from('no frame')]),
        /tail.txt.zst: damaged/,
      ],
      ['false.txt.zst', 'plain text', /false.txt.zst: damaged/],
      ['a.pdf', 'x', /a.pdf: found an unknown kind of file, expected a name in .txt/],
    ];
    for (const [name, content, message] of cases) {
      await expect(read(name, content)).rejects.toThrow(message);
      await expect(read(name, content)).rejects.toThrow(InputError);
    }
    await expect(collect(readDocuments(join(folder, 'none.txt')))).rejects.toThrow(
      /none.txt: found no such file/,
    );
    await expect(collect(readDocuments([]))).rejects.toThrow(/found no file name/);
  });

  it('can be left early and aborted', async () => {
    const file = await written('long.txt', 'line\n<|endoftext|>\n'.repeat(200_000));
    for await (const document of readDocuments(file)) {
      expect(document).toBe('line');
      break;
    }
    const stop = new AbortController();
    const documents = readDocuments(file, { signal: stop.signal });
    await documents.next();
    stop.abort(new Error('enough'));
    await expect(collect(documents)).rejects.toThrow('enough');
  });
});

describe('readConversations', () => {
  const read = async (lines: readonly unknown[], name = 'talks.jsonl') => {
    const file = join(folder, name);
    await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    return collect(readConversations([file]));
  };
  const say = (role: string) => ({ role, content: role });

  it('takes the system for the assistant where nobody else answers', async () => {
    const roles = (
      await read([
        { messages: [say('user'), say('system'), say('user'), say('system')] },
        { messages: [say('system'), say('user'), say('assistant')] },
        { messages: [say('system'), say('user')] },
      ])
    ).map((messages) => messages.map(({ role }) => role));
    expect(roles).toEqual([
      ['user', 'assistant', 'user', 'assistant'],
      ['system', 'user', 'assistant'],
      ['system', 'user'],
    ]);
  });

  it.each([
    [
      [{ text: 'plain' }],
      'talks.jsonl',
      /talks.jsonl:1: found an object with the fields text, expected .* "messages"/,
    ],
    [[{ messages: [{ role: 'user' }] }], 'talks.jsonl', /:1: messages\[0\]: found/],
    [[], 'talks.jsonl', /found no conversation/],
    [[{ messages: [] }], 'talks.txt', /found a text file, expected conversations/],
  ])('refuses %j in %s', (lines, name, message) => expect(read(lines, name)).rejects.toThrow(message));
});
