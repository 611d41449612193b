/** The command line: a list of commands, each loaded on demand, so that help appears at once. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { fuseVectors } from '../platform/fusing.ts';
import { endWithOutput, reportFailure } from './failure.ts';

interface Entry {
  readonly about: string;
  readonly load: () => Promise<Command>;
}

const commands: Readonly<Record<string, Entry>> = {
  demo: {
    about: 'train a small model on a book in minutes, then generate text with it',
    load: async () => (await import('./demo.ts')).demoCommand(),
  },
  train: {
    about: 'train a model on texts',
    load: async () => (await import('./train.ts')).trainCommand(),
  },
  generate: {
    about: 'continue a text',
    load: async () => (await import('./generate.ts')).generateCommand(),
  },
  chat: {
    about: 'chat with a model',
    load: async () => (await import('./chat.ts')).chatCommand(),
  },
  evaluate: {
    about: 'score a model on tasks and texts',
    load: async () => (await import('./evaluate.ts')).evaluateCommand(),
  },
  study: {
    about: 'repeat an experiment of the paper',
    load: async () => (await import('./study.ts')).studyCommand(),
  },
  serve: {
    about: 'serve a model over HTTP with an OpenAI-compatible API',
    load: async () => (await import('./serve.ts')).serveCommand(),
  },
  logits: {
    about: 'write the logits of given tokens to a file',
    load: async () => (await import('./logits.ts')).logitsCommand(),
  },
  inspect: {
    about: 'show sizes, memory and operations of a model; compare and profile engines',
    load: async () => (await import('./inspect.ts')).inspectCommand(),
  },
  convert: {
    about: 'convert between float and packed checkpoints, or create a random one',
    load: async () => (await import('./convert.ts')).convertCommand(),
  },
  accelerator: {
    about: 'compile a model to the accelerator, simulate it, report its speed',
    load: async () => (await import('./accelerator.ts')).acceleratorCommand(),
  },
  models: {
    about: 'list models by name, and those on this disk; remove them',
    load: async () => (await import('./models.ts')).modelsCommand(),
  },
  pull: {
    about: 'download a model',
    load: async () => (await import('./pull.ts')).pullCommand(),
  },
  bench: {
    about: 'measure speed and memory on this machine',
    load: async () => (await import('./bench.ts')).benchCommand(),
  },
};

const examples = `
Examples:
  $ plusminus demo
  $ plusminus generate "Once upon a time"
  $ plusminus generate --help`;

async function main(args: readonly string[]): Promise<void> {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const program = new Command('plusminus')
    .description('Language models that only add and subtract.')
    .version(version)
    .addHelpText('after', examples);
  // "help generate" is "generate --help".
  const asked = args[0] === 'help' ? [...args.slice(1), '--help'] : args;
  const wanted = asked[0];
  for (const [name, { about, load }] of Object.entries(commands)) {
    program.addCommand(name === wanted ? await load() : new Command(name).description(about));
  }
  tellWhereHelpIs(program);
  // With --help, commander would take a name that it does not know for none.
  const isName = wanted !== undefined && !wanted.startsWith('-');
  await program.parseAsync(isName && !Object.hasOwn(commands, wanted) ? [wanted] : asked, { from: 'user' });
}

/** An error of arguments is one line, which ends with the command that lists the right ones. */
function tellWhereHelpIs(command: Command, path = command.name()): void {
  const outputError = (text: string, write: (text: string) => void) => {
    const said = text
      .trim()
      .replace(/^error: /, '')
      .replace(/\.$/, '')
      .replaceAll('\n', ' ');
    write(`plusminus: ${said}; see "${path} --help"\n`);
  };
  command.exitOverride().configureOutput({ outputError });
  for (const each of command.commands) tellWhereHelpIs(each, `${path} ${each.name()}`);
}

endWithOutput();
fuseVectors();
try {
  await main(process.argv.slice(2));
} catch (error) {
  reportFailure(error);
}
