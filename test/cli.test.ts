/** The command line as a user meets it: child processes, their output and their exit codes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Checkpoint } from '../src/checkpoint/checkpoint.ts';
import { SafetensorsFile } from '../src/checkpoint/safetensors.ts';
import { saveCheckpoint } from '../src/checkpoint/save.ts';
import { temporaryFolder, writeRaw } from '../src/checkpoint/testing.ts';
import { LanguageModel } from '../src/index.ts';
import { golden, makeSmallModel, type SmallModel } from './smallModel.ts';

const root = join(import.meta.dirname, '..');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[], cwd = root) {
  const child = spawn(process.execPath, [join(root, 'bin/plusminus.js'), ...args], { cwd });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const ended: Promise<Ended> = once(child, 'close').then(([code]) => ({ code, stdout, stderr }));
  return { child, ended };
}

async function plusminus(args: readonly string[], { stdin = '', cwd = root } = {}): Promise<Ended> {
  const { child, ended } = start(args, cwd);
  child.stdin.on('error', () => {}); // a command that fails does not wait for its input
  child.stdin.end(stdin);
  return ended;
}

/** What must hold whenever the user is at fault: one line that says so, and no stack. */
function expectRefusal({ code, stdout, stderr }: Ended, message: RegExp): void {
  expect(stderr).toMatch(message);
  expect(stderr).toMatch(/^plusminus: [^\n]+\n$/);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
}

let small: SmallModel;
let folder: string;

beforeAll(async () => {
  small = await makeSmallModel();
  folder = await mkdtemp(join(tmpdir(), 'plusminus-cli-'));
});
afterAll(async () => {
  await small?.remove();
  if (folder) await rm(folder, { recursive: true, force: true });
});

describe('plusminus', () => {
  it('lists its commands, and tells its version', async () => {
    const help = await plusminus(['--help']);
    expect(help.code).toBe(0);
    for (const name of [
      'demo',
      'train',
      'generate',
      'chat',
      'evaluate',
      'logits',
      'inspect',
      'convert',
      'serve',
      'study',
      'train',
      'accelerator',
      'bench',
    ]) {
      expect(help.stdout).toMatch(new RegExp(`^  ${name} +\\w`, 'm'));
    }
    expect((await plusminus(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?\n$/);
  });

  it.each([
    ...['demo', 'train', 'generate', 'chat', 'serve', 'evaluate', 'study', 'logits', 'inspect', 'convert'],
    ...['accelerator', 'bench'],
  ])('%s --help shows an example', async (command) => {
    const { code, stdout } = await plusminus([command, '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`\\$ .*plusminus ${command}`));
  });

  it('refuses unknown commands and options with a guess', async () => {
    expectRefusal(await plusminus(['genrate']), /unknown command 'genrate' \(Did you mean generate\?\)/);
    expectRefusal(
      await plusminus(['generate', '--topp', '1']),
      /unknown option '--topp' \(Did you mean --top-p\?\); see "plusminus generate --help"/,
    );
    expectRefusal(
      await plusminus(['accelerator', 'compile', 'model']),
      /required option '--out <folder>' not specified; see "plusminus accelerator compile --help"/,
    );
  });

  it.each([[['help', 'nothing']], [['nothing', '--help']]])(
    '%j is no request for the help of all commands',
    async (args) => expectRefusal(await plusminus(args), /unknown command 'nothing'; see "plusminus --help"/),
  );

  it('helps with a command in a command, too', async () => {
    const { code, stdout } = await plusminus(['help', 'accelerator', 'compile']);
    expect([code, stdout]).toEqual([0, expect.stringContaining('Usage: plusminus accelerator compile')]);
  });
});

describe('generate', () => {
  const quick = ['--max-tokens', '12', '--seed', '7', '--threads', '1'];

  it('writes JSON that meets a schema, and says that its form ended it', async () => {
    const file = join(await temporaryFolder(), 'person.json');
    await writeFile(
      file,
      JSON.stringify({ type: 'object', properties: { a: { type: 'boolean' } }, required: ['a'] }),
    );
    const args = ['generate', 'x', '--model', small.folder, '--json-schema', file];
    const { stdout, stderr } = await plusminus(args);
    expect(stdout).toMatch(/^\{"a": (true|false)\}\n$/);
    expect(stderr).toMatch(/ended by a stop text or its complete form/);
    const missing = await plusminus([...args.slice(0, -1), `${file}.x`]);
    expect(missing).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/--json-schema: .* cannot be read: no such file/),
    });
  });

  it('streams text, with statistics beside it', async () => {
    const { code, stdout, stderr } = await plusminus([
      'generate',
      'Call',
      'me',
      '--model',
      small.folder,
      ...quick,
    ]);
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^\[12 tokens, [\d.]+ tokens\/s; prompt: \d+ tokens in .*; ended by --max-tokens; seed 7\]\n$/,
    );
    const model = await LanguageModel.load(small.folder, { threads: 0 });
    let expected = '';
    const options = { maxTokens: 12, temperature: 0.8, topP: 0.95, seed: 7 };
    for await (const piece of model.generate('Call me', options)) expected += piece;
    await model.dispose();
    expect(stdout).toBe(`${expected}\n`);
    const piped = await plusminus(['generate', '-q', '--model', small.folder, ...quick], {
      stdin: 'Call me\n',
    });
    expect(piped).toEqual({ code: 0, stdout, stderr: '' });
  });

  it('prints JSON', async () => {
    const { stdout } = await plusminus(['generate', 'Call me', '--json', '--model', small.folder, ...quick]);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ prompt: 'Call me', reason: 'length', seed: 7, model: small.folder });
    expect(result.tokens).toHaveLength(12);
  });

  it('runs on token ids where there is no tokenizer', async () => {
    const args = ['--model', golden, '-q', '-t', '0', '-n', '4', '--threads', '0'];
    const { stdout, code } = await plusminus(['generate', '--tokens', '1,2,3', ...args]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+ \d+ \d+ \d+\n$/);
    expectRefusal(await plusminus(['generate', 'text', ...args]), /has no tokenizer: put its tokenizer.json/);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends cleanly on %s, with exit code %d', async (signal, exitCode) => {
    const { child, ended } = start([
      'generate',
      'a',
      '--model',
      small.folder,
      '-n',
      '10000000',
      '--seed',
      '1',
    ]);
    await once(child.stdout, 'data');
    child.kill(signal);
    const { code, stdout, stderr } = await ended;
    expect(code).toBe(exitCode);
    expect(stdout).toMatch(/\n$/);
    expect(stderr).toMatch(/ended by interrupted/);
  });

  it('stops quietly when its reader has gone', async () => {
    const { child, ended } = start([
      'generate',
      'a',
      '--model',
      small.folder,
      '-n',
      '10000000',
      '--seed',
      '1',
    ]);
    await once(child.stdout, 'data');
    child.stdout.destroy();
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  });

  it.each([
    [
      ['--temperature', '-1'],
      /'-t, --temperature <x>' argument '-1' is invalid. Expected a number of 0 or more/,
    ],
    [['--top-p', '0'], /'--top-p <x>' argument '0' is invalid. Expected a number above 0 and at most 1/],
    [['--top-k', '1.5'], /Expected an integer of 0 or more/],
    [['--max-tokens', ''], /argument '' is invalid. Expected an integer/],
    [['--seed', '0x10'], /argument '0x10' is invalid/],
    [['--threads', '257'], /Expected an integer from 0 to 256/],
    [['--engine', 'abacus'], /Allowed choices are auto, cpu, webgpu/],
    [['--tokens', '1'], /--tokens: found the prompt "x" too/],
    [['--stop', ''], /stop: found \[""\], expected texts, none empty/],
  ])('refuses %j', async (args, message) => {
    expectRefusal(await plusminus(['generate', 'x', '--model', small.folder, ...args]), message);
  });

  it('refuses a prompt that is not text', async () => {
    const { child, ended } = start(['generate', '--model', small.folder]);
    child.stdin.end(Buffer.from([0x61, 0xff, 0xfe]));
    expectRefusal(await ended, /prompt: stdin is not UTF-8 text/);
  });
});

describe('damaged models', () => {
  async function damaged(name: string, change: (copy: string) => Promise<void>): Promise<string> {
    const copy = join(folder, name);
    await cp(small.folder, copy, { recursive: true });
    await change(copy);
    return copy;
  }

  it('a missing folder, a folder without a model', async () => {
    expectRefusal(
      await plusminus(['generate', 'x', '--model', '/no/such/model']),
      /no folder or file "\/no\/such\/model" found/,
    );
    await mkdir(join(folder, 'empty'));
    expectRefusal(await plusminus(['inspect', join(folder, 'empty')]), /config\.json: not found/);
  });

  it('a truncated file', async () => {
    const model = await damaged('cut', (copy) => truncate(join(copy, 'model.safetensors'), 150_000));
    expectRefusal(await plusminus(['generate', 'x', '--model', model]), /model\.safetensors/);
  });

  it('NaN weights', async () => {
    const source = await Checkpoint.open(golden);
    const model = join(folder, 'nan');
    const entries = [...source.tensors].map(([name, { dtype, shape, byteLength }]) => ({
      ...{ name, dtype, shape },
      chunks: async function* () {
        const bytes = new Uint8Array(byteLength);
        await source.readInto(name, bytes);
        if (name === 'model.norm.weight') new Float32Array(bytes.buffer)[3] = Number.NaN;
        yield bytes;
      },
    }));
    await saveCheckpoint(model, source.config, entries);
    await source.close();
    expectRefusal(
      await plusminus(['logits', '--model', model, '--tokens', '1', '--out', join(folder, 'x.safetensors')]),
      /tensor "model\.norm\.weight": element 3 is NaN or infinite/,
    );
  });

  it('a config that is not supported, a tokenizer that is none', async () => {
    const model = await damaged('heads', async (copy) => {
      const path = join(copy, 'config.json');
      await writeFile(path, (await readFile(path, 'utf8')).replace(/"num_heads": 1/, '"num_heads": 4'));
    });
    expectRefusal(await plusminus(['inspect', model]), /num_heads: found 4/);
    const mute = await damaged('mute', (copy) => writeFile(join(copy, 'tokenizer.json'), '[]'));
    expectRefusal(await plusminus(['generate', 'x', '--model', mute]), /tokenizer\.json/);
  });
});

describe('memory', () => {
  /** The golden model with so many tokens that it takes more than 4 GiB; its weights are a hole in the file. */
  async function largeModel(): Promise<string> {
    const large = await temporaryFolder();
    const config = JSON.parse(await readFile(join(golden, 'config.json'), 'utf8'));
    const vocabulary = 2 ** 24;
    await writeFile(join(large, 'config.json'), JSON.stringify({ ...config, vocab_size: vocabulary }));
    await using file = await SafetensorsFile.open(join(golden, 'model.safetensors'));
    let end = 0;
    const header: Record<string, object> = {};
    for (const [name, { dtype, shape, byteLength }] of file.tensors) {
      const [rows, ...rest] = shape;
      const isTable = rows === config.vocab_size;
      const bytes = isTable ? (byteLength / rows!) * vocabulary : byteLength;
      const data_offsets = [end, end + bytes];
      header[name] = { dtype, shape: isTable ? [vocabulary, ...rest] : shape, data_offsets };
      end += bytes;
    }
    const path = await writeRaw(join(large, 'model.safetensors'), header);
    await truncate(path, (await stat(path)).size + end);
    return large;
  }

  it('that the CPU engine lacks is said before anything is read, with what to do', async () => {
    const large = await largeModel();
    expectRefusal(
      await plusminus(['generate', '--model', large, '--tokens', '1,2']),
      /the model needs \d\.\d GB of memory .*; found .* GB, which .*; (use a GPU|close other programs)/,
    );
    const { stdout } = await plusminus(['pull', large]);
    expect(stdout).toMatch(/It needs \d\.\d GB of memory; the CPU engine addresses 4\.2 GB: use --engine/);
  });

  it('that a model needs is said when it is pulled', async () => {
    const { stdout } = await plusminus(['pull', small.folder]);
    expect(stdout).toMatch(/^It needs \d{3}\.\d kB of memory\.$/m);
  });
});

describe('chat', () => {
  it('answers each line, and remembers', async () => {
    const stdin = 'Who are you?\nAnd then?\n/new\nWho are you?\n/quit\nnever read\n';
    const args = ['chat', '--json', '--model', small.folder, '-n', '8', '--seed', '3', '--threads', '1'];
    const { code, stdout, stderr } = await plusminus(args, { stdin });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const answers = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(answers).toHaveLength(3);
    expect(answers[0]).toMatchObject({ role: 'assistant', tokens: 8, reason: 'length' });
    expect(answers[2]).toEqual(answers[0]);
    expect(answers[1].content).not.toBe(answers[0].content);
  });

  it('needs a tokenizer', async () => {
    expectRefusal(await plusminus(['chat', '--model', golden]), /found no tokenizer\.json, which chat needs/);
  });
});

describe('--engine', () => {
  it.each([
    ['generate', 'Call me', '--engine', 'abacus'],
    ['train', '--out', 'nowhere', '--engine', 'abacus'],
    ['study', 'operations', '--engine', 'abacus'],
  ])('%s lists the engines there are', async (...args) => {
    expectRefusal(
      await plusminus(args),
      /'abacus' is invalid. Allowed choices are auto, cpu, webgpu, cuda, reference/,
    );
  });

  it('generates the same text on the reference engine', async () => {
    const on = (engine: string) =>
      plusminus([
        'generate',
        'Call me',
        '-n',
        '4',
        '-t',
        '0',
        '-q',
        '--model',
        small.folder,
        '--engine',
        engine,
      ]);
    const [reference, cpu] = [await on('reference'), await on('cpu')];
    expect(reference).toEqual(cpu);
    expect(reference.code).toBe(0);
  });
});

describe('logits', () => {
  it.each(['cpu', 'reference'])('writes what the released code computed, on %s', async (engine) => {
    const file = await SafetensorsFile.open(`${golden}/expected.safetensors`);
    const ids = [...new Int32Array((await file.read('input_ids')).slice().buffer)].slice(0, 24);
    const expected = new Float32Array((await file.read('logits')).slice().buffer).subarray(0, 24 * 96);
    await file.close();
    const out = join(folder, 'logits.safetensors');
    const { code, stdout } = await plusminus([
      ...['logits', '--model', golden, '--tokens', ids.join(','), '--engine', engine, '--out', out, '--json'],
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ model: golden, tokens: ids, shape: [24, 96], out });
    const written = await SafetensorsFile.open(out);
    expect(written.tensors.get('logits')).toMatchObject({ dtype: 'F32', shape: [24, 96] });
    const logits = new Float32Array((await written.read('logits')).slice().buffer);
    await written.close();
    for (const [i, value] of logits.entries()) expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-4);
  });

  it.each([
    [['--tokens', '1,96'], /token 1: found 96, expected an integer from 0 to 95/],
    [['--tokens', '1,x'], /argument '1,x' is invalid. Expected token ids separated by commas/],
    [['--tokens', ''], /argument '' is invalid/],
    [[], /required option '--tokens <ids>' not specified/],
  ])('refuses %j', async (args, message) => {
    const out = join(folder, 'none.safetensors');
    expectRefusal(await plusminus(['logits', '--model', golden, '--out', out, ...args]), message);
  });

  it('refuses a place that it cannot write to', async () => {
    const out = join(folder, 'no/such/folder/x.safetensors');
    expectRefusal(
      await plusminus(['logits', '--model', golden, '--tokens', '1', '--out', out]),
      /--out: .* cannot be written: its folder does not exist/,
    );
  });
});

describe('an output', () => {
  it.each([
    ['--session', 'chat'],
    ['--out', 'evaluate', '--text', 'package.json'],
    ['--requests', 'evaluate', '--tasks', 'piqa'],
    ['--trace', 'accelerator', 'simulate', 'none.s'],
    ['--out', 'accelerator', 'report'],
  ])('of %s %s is refused before any work for it', async (option, ...command) => {
    expectRefusal(
      await plusminus([...command, option, join(folder, 'no/such/file.md')]),
      new RegExp(`${option}: .* cannot be written: its folder does not exist`),
    );
  });

  it.skipIf(process.platform !== 'linux').each([[['--help']], [['models', '--json']]])(
    'of %j on a full disk is an error of one line',
    async (args) => {
      const full = await open('/dev/full', 'w');
      const child = spawn(process.execPath, ['bin/plusminus.js', ...args], {
        ...{ cwd: root, stdio: ['ignore', full.fd, 'pipe'] },
      });
      const stderr = (await child.stderr!.toArray()).join('');
      await full.close();
      expect(stderr).toMatch(
        /^plusminus: the output cannot be written: no space is left on the disk[^\n]*\n$/,
      );
      expect(child.exitCode ?? (await once(child, 'exit'))[0]).toBe(1);
    },
  );
});

describe('inspect', () => {
  it('counts the parameters of 370M as published', async () => {
    const { code, stdout } = await plusminus(['inspect', '370M', '--json']);
    expect(code).toBe(0);
    const { parameters, memory, audit, files } = JSON.parse(stdout);
    expect(parameters).toMatchObject({
      ternaryInBlocks: 308_281_344,
      ternaryHead: 32_768_000,
      embedding: 32_768_000,
    });
    expect(memory.statePerSequence).toBe(24 * 1024 * 4);
    expect(audit.total.productMultiplications).toBe(0);
    expect(audit.transformer.productMultiplications).toBe(308_281_344 + 32_768_000);
    expect(files).toBeUndefined();
  });

  it('shows a folder to people', async () => {
    const { code, stdout } = await plusminus(['inspect', small.folder]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^3 layers, width 96, GLU 112, vocabulary 600$/m);
    expect(stdout).toMatch(/^state of a conversation +1\.2 kB$/m);
    expect(stdout).toMatch(/^weights +\d+\.\d kB$/m);
    expect(stdout).toMatch(/^bitLinear +19 /m);
  });
});

describe('convert', () => {
  it('packs a model, which then says the same', async () => {
    const packed = join(folder, 'packed');
    const done = await plusminus(['convert', golden, packed, '--to', 'packed', '--json']);
    expect(done.code).toBe(0);
    expect(JSON.parse(done.stdout)).toMatchObject({ folder: packed });
    const say = async (model: string) =>
      (await plusminus(['generate', '--model', model, '--tokens', '5,6,7', '-n', '16', '--seed', '1', '-q']))
        .stdout;
    expect(await say(packed)).toBe(await say(golden));
  });

  it('invents a model, the same for a seed', async () => {
    const make = async (name: string) => {
      const target = join(folder, name);
      const { code } = await plusminus([
        ...['convert', '--random', 'tiny', target, '--seed', '5', '--vocabulary', '300', '-q'],
      ]);
      expect(code).toBe(0);
      return readFile(join(target, 'model.safetensors'));
    };
    expect((await make('random-a')).equals(await make('random-b'))).toBe(true);
  });

  it.each([
    [['a'], /target: found none, expected the folder to write/],
    [['a', 'b'], /--to: found nothing, expected packed, f32, f16, bf16 or gguf/],
    [['a', 'b', '--to', 'int4'], /'int4' is invalid. Allowed choices are packed/],
    [['/no/such/folder', 'b', '--to', 'f16'], /no folder or file "\/no\/such\/folder" found/],
    [['a', '--random', '5B'], /'5B' is invalid. Allowed choices are tiny/],
    [['a', 'b', '--random', 'tiny'], /target: found "b", expected only the folder to write with --random/],
    [['a', 'b', '--to', 'f16', '--seed', '1'], /--seed: found 1, expected it with --random only/],
  ])('refuses %j', async (args, message) => {
    expectRefusal(await plusminus(['convert', ...args], { cwd: folder }), message);
  });

  it('leaves folders alone that hold something else', async () => {
    const target = join(folder, 'notes');
    await mkdir(target);
    await writeFile(join(target, 'diary.txt'), 'mine');
    expectRefusal(await plusminus(['convert', golden, target, '--to', 'packed']), /holds files but no model/);
    expect(await readFile(join(target, 'diary.txt'), 'utf8')).toBe('mine');
  });
});
