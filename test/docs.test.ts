/** Every command of the documentation can be given: programs, scripts, options and files exist; cheap ones are run. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Command, CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { isBundledName } from '../src/checkpoint/bundledModels.ts';
import { temporaryFolder } from '../src/checkpoint/testing.ts';
import { isConfigName } from '../src/model/config.ts';
import { commandsIn, type DocumentedCommand, proseIn, splitCommands } from './documentedCommands.ts';

const run = promisify(execFile);
const repository = join(import.meta.dirname, '..');
const at = (path: string) => join(repository, path);
const { scripts } = JSON.parse(await readFile(at('package.json'), 'utf8')) as {
  scripts: Readonly<Record<string, string>>;
};

const documents = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'results/README.md', 'rtl/README.md'],
  ...['models/stories/README.md', 'models/chat/README.md', 'recipes/stories/README.md'],
  ...(await readdir(at('docs'))).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`),
];
const all = (
  await Promise.all(
    documents.map(async (document) =>
      (await commandsIn(repository, document)).map((command) => ({ ...command, document })),
    ),
  )
).flat();

/** Programs of others, which are not checked. */
const foreign = new Set(['apt-get', 'cp', 'curl', 'git', 'lm_eval', 'mkdir']);

/** What a command is once launchers, wrappers and environment variables before it are taken away. */
function withoutLaunchers(words: readonly string[]): readonly string[] {
  if (/^(mpirun|srun)$/.test(words[0]!))
    return words.slice(words.findIndex((word) => /^(npx|node)$/.test(word)));
  return words[0]!.includes('=') ? withoutLaunchers(words.slice(1)) : words;
}

/** The leaf command that words name, and the words after its name. */
async function commandOf(words: readonly string[]): Promise<{ command: Command; rest: readonly string[] }> {
  const [name, ...others] = words;
  const module = await import(`../src/cli/${name}.ts`);
  let command: Command = module[`${name}Command`]();
  let rest: readonly string[] = others;
  for (let next = find(command, rest[0]); next; next = find(command, rest[0])) {
    command = next;
    rest = rest.slice(1);
  }
  return { command, rest };
}

function find(command: Command, name: string | undefined): Command | undefined {
  return command.commands.find((one) => one.name() === name);
}

/** Parses the words as the command line does, without running anything. */
async function parsePlusminus(words: readonly string[]): Promise<void> {
  const shown = words.filter((word) => word !== '…');
  if (shown.length === 0) return;
  const { command, rest } = await commandOf(shown);
  let failure = '';
  const parser = command
    .exitOverride()
    .configureOutput({ writeErr: (text) => (failure += text), writeOut: () => {} })
    .action(() => {});
  if (command.name() === 'bench') return expectBenchFlags('bench', rest);
  // "plusminus train …" and "plusminus evaluate --text" mention a command and its options; they are not complete.
  const isMention = shown.length < words.length || rest.length === 0 || rest.at(-1)!.startsWith('--');
  if (isMention) {
    const flags = command.options.map(({ long }) => long);
    for (const word of rest.filter((word) => word.startsWith('--'))) expect(flags).toContain(word);
    return;
  }
  await parser.parseAsync([...rest], { from: 'user' }).catch((error: unknown) => {
    if (error instanceof CommanderError && error.exitCode === 0) return;
    throw new Error(`plusminus ${words.join(' ')}: ${failure || error}`);
  });
}

/** Flags of `npm run bench…`, which are those of a script's --help. */
async function expectBenchFlags(script: string, words: readonly string[]): Promise<void> {
  const flags = words.filter((word) => word.startsWith('--') && word !== '--');
  if (flags.length === 0) return;
  const [, file] = scripts[script]!.split(' ');
  const { stdout } = await run(process.execPath, [at(file!), '--help']);
  for (const flag of flags) expect(stdout, `${script} ${flag}`).toMatch(new RegExp(`^ +${flag}\\b`, 'm'));
}

async function expectNpm([name, ...words]: readonly string[]): Promise<void> {
  if (name === '--prefix') {
    expect(existsSync(at(`${words[0]}/package.json`)), words[0]).toBe(true);
    return;
  }
  if (name === 'test') expect(scripts).toHaveProperty('test');
  if (name !== 'run' && name !== 'run-script') return expectOwnNpm(name, words);
  const [script, ...args] = words.filter((word) => word !== '-s');
  expect(Object.keys(scripts)).toContain(script);
  if (script === 'plusminus') return parsePlusminus(args.slice(1));
  if (script!.startsWith('bench')) return expectBenchFlags(script!, args);
}

/** Commands of npm itself. A folder that is published has a package. */
function expectOwnNpm(name: string | undefined, words: readonly string[]): void {
  expect(name).toMatch(/^(ci|test|install|pack|publish)$/);
  const folder = name === 'publish' ? words.find((word) => word.startsWith('./')) : undefined;
  if (folder) expect(existsSync(at(`${folder}/package.json`)), folder).toBe(true);
}

async function expectNpx([program, ...words]: readonly string[]): Promise<void> {
  if (program === 'plusminus') return parsePlusminus(words);
  if (program === 'node') {
    const script = words.find((word) => !word.startsWith('-'))!;
    if (script === 'bin/plusminus.js') return;
    expect(existsSync(at(script)), script).toBe(true);
    const source = await readFile(at(script), 'utf8');
    const own = words.slice(words.indexOf(script)).filter((word) => word.startsWith('--'));
    for (const flag of own) expect(source, script).toMatch(new RegExp(`\\b${flag.slice(2)}\\b`));
    return;
  }
  expect(existsSync(at(`node_modules/.bin/${program}`)), program).toBe(true);
  for (const path of words.filter((word) => word.includes('/')))
    expect(existsSync(at(path)), path).toBe(true);
}

async function check({ words }: DocumentedCommand): Promise<void> {
  const [program, ...rest] = withoutLaunchers(words);
  if (foreign.has(program!)) return;
  if (program === 'npm') return expectNpm(rest);
  if (program === 'npx') return expectNpx(rest[0] === 'scripts/ownGpu.sh' ? rest.slice(1) : rest);
  if (program === 'plusminus') return parsePlusminus(rest);
  // The system's Node may be too old: "npx node" is the project's.
  expect(program).not.toBe('node');
  expect(existsSync(at(program!)), `${program}: a program that is known, or a file`).toBe(true);
}

describe('the documentation', () => {
  it.each(all.map((command) => [`${command.where}: ${command.words.join(' ')}`, command] as const))(
    '%s',
    (_, command) => check(command),
  );

  it('has commands in every shell block and table', () => {
    const per = (name: string) => all.filter(({ document }) => document === name).length;
    expect(per('README.md')).toBeGreaterThan(15);
    expect(per('docs/accelerator.md')).toBeGreaterThan(6);
    expect(per('results/README.md')).toBeGreaterThan(15);
  });
});

/** Files and folders that a command reads: those after these options, and models by position. */
const inputs = new Set([
  '--data',
  '--text',
  '--chat',
  '--from',
  '--model',
  '-m',
  '--api-key-file',
  '--hostfile',
]);

describe.each(documents)('the files that commands of %s read', (document) => {
  it('exist, are made by an earlier command, or are explained as files of the reader', async () => {
    const prose = await proseIn(at(document));
    const made = new Set<string>();
    for (const { words, where } of await commandsIn(repository, document)) {
      if (words.join(' ') === 'npm run demo') made.add('runs/demo');
      words.forEach((word, index) => {
        const value = words[index + 1];
        if (['--out', '-o'].includes(word) && value) made.add(value);
        if (!inputs.has(word) || !value || isKnown(value) || made.has(value)) return;
        expect(prose, `${where}: ${word} ${value}: explain it as a file of the reader's own`).toContain(
          value,
        );
      });
    }
  });

  const isKnown = (value: string) =>
    existsSync(at(value)) ||
    isBundledName(value) ||
    value === 'hub' ||
    isConfigName(value) ||
    /^(ridger|microsoft)\/[\w.-]+$/.test(value) || // on the Hugging Face Hub
    /^[A-Z]+(\/|$)/.test(value); // a placeholder
});

describe('examples of --help', () => {
  it('can be given', async () => {
    const { stdout } = await run(process.execPath, [at('bin/plusminus.js'), '--help']);
    const names = [...stdout.matchAll(/^ {2}(\w+) /gm)]
      .map(([, name]) => name!)
      .filter((name) => name !== 'help');
    expect(names).toContain('accelerator');
    let count = 0;
    const examine = async (command: Command) => {
      let help = '';
      command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
      for (const [, text] of help.matchAll(/^ +\$ plusminus (.+)$/gm)) {
        count++;
        await parsePlusminus(splitCommands(text!)[0]!);
      }
      for (const one of command.commands) await examine(one);
    };
    for (const name of names) await examine((await import(`../src/cli/${name}.ts`))[`${name}Command`]());
    expect(count).toBeGreaterThan(30);
  });
});

describe('cheap commands of the documentation', () => {
  const cheap = all.filter(({ words }) =>
    /^npx plusminus (inspect|study operations)\b/.test(words.join(' ')),
  );
  /** Each command once, however many documents have it. */
  const commands = new Map(cheap.map(({ where, words }) => [words.join(' '), { where, words }]));

  it.each([...commands].map(([command, { where, words }]) => [`${where}: ${command}`, words] as const))(
    '%s runs',
    async (_, words) => {
      const folder = await temporaryFolder();
      const { stdout } = await run(process.execPath, [at('bin/plusminus.js'), ...words.slice(2)], {
        cwd: folder,
      });
      expect(stdout).not.toBe('');
    },
  );

  it("the accelerator's run in their order", { timeout: 300_000 }, async () => {
    const folder = await temporaryFolder();
    const commands = (await commandsIn(repository, 'docs/accelerator.md')).filter(
      ({ words }) => words[2] === 'accelerator' && !['perplexity', 'report'].includes(words[3]!),
    );
    expect(commands.map(({ words }) => words[3])).toEqual(
      expect.arrayContaining(['compile', 'simulate', 'assemble', 'disassemble']),
    );
    for (const { words, where } of commands) {
      const args = words.slice(2).map((word, index, given) => (given[index - 1] === '--count' ? '1' : word));
      const ended = run(process.execPath, [at('bin/plusminus.js'), ...args], { cwd: folder, maxBuffer: 1e8 });
      await expect(ended, where).resolves.toBeDefined();
    }
  });
});
