/** `plusminus serve`: serves a model over HTTP to OpenAI's clients. */
import { Command, Option } from 'commander';
import { chatModel } from '../checkpoint/bundledModels.ts';
import { addModelOptions, collected, integer, type ModelOptions } from './options.ts';

const examples = `
Examples:
  $ plusminus serve --model runs/demo
  $ plusminus serve --model ridger/MMfreeLM-370M --host 0.0.0.0 --api-key-file keys.txt --sessions sessions
  $ curl http://127.0.0.1:8000/v1/completions -H 'content-type: application/json' -d '{"prompt": "Call me"}'

The log is JSON, one object a line, on stdout. After SIGTERM or Ctrl-C running requests may finish. See docs/serving.md.`;

export interface ServeFlags extends ModelOptions {
  readonly host: string;
  readonly allowedHost?: readonly string[];
  readonly port: number;
  readonly name?: string;
  readonly slots: number;
  readonly oneByOne?: boolean;
  readonly queue: number;
  readonly apiKey?: readonly string[];
  readonly apiKeyFile?: string;
  readonly secretFile?: string;
  readonly sessions?: string;
  readonly memoryMb?: number;
  readonly cacheMb: number;
  readonly kvCacheMb: number;
  readonly states?: string;
  readonly statesMb: number;
  readonly cacheFolder?: string;
  readonly cacheFolderMb: number;
  readonly maxTokens: number;
  readonly maxPromptTokens: number;
  readonly maxBodyKb: number;
  readonly timeout: number;
  readonly receiveTimeout: number;
  readonly drainTimeout: number;
  readonly maxConnections: number;
  readonly cors?: string;
  readonly logLevel: string;
}

export function serveCommand(): Command {
  const command = new Command('serve').description('Serve a model over HTTP with an OpenAI-compatible API.');
  return addLimits(addServing(addModelOptions(command, chatModel)))
    .addHelpText('after', examples)
    .action(async (flags: ServeFlags) => (await import('./serve/serve.ts')).serve(flags));
}

function addServing(command: Command): Command {
  return command
    .option(
      '--host <address>',
      'address to bind; 0.0.0.0 accepts connections from other machines',
      '127.0.0.1',
    )
    .option('--allowed-host <name>', 'additional allowed Host header; repeatable', collected)
    .option('-p, --port <n>', 'port; 0 chooses a free one', integer(0, 65535), 8000)
    .option('--name <text>', 'name of the model for clients (default: its folder)')
    .option('--api-key <key>', 'API key that clients must send; repeatable', collected)
    .option('--api-key-file <file>', 'file of API keys, one per line')
    .option('--sessions <folder>', 'folder for sessions (default: sessions are not kept)')
    .option(
      '--secret-file <file>',
      'file with the key that signs session states; use the same on all replicas',
    )
    .option('--cache-mb <n>', 'memory for the state cache, in megabytes', integer(0), 256)
    .option(
      '--kv-cache-mb <n>',
      'memory for keys and values of models that attend, in megabytes',
      integer(1),
      1024,
    )
    .option('--states <folder>', 'folder for named prefixes and the states of responses (default: none)')
    .option('--states-mb <n>', 'max size of the folder of states, in megabytes', integer(1), 1024)
    .option('--cache-folder <folder>', 'folder for cached states that no longer fit in memory')
    .option('--cache-folder-mb <n>', 'max size of the cache folder, in megabytes', integer(1), 4096)
    .option('--cors <origin>', 'allowed CORS origin, for example https://example.com, or *')
    .addOption(
      new Option('--log-level <level>', 'least important lines of the log')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    );
}

function addLimits(command: Command): Command {
  return command
    .option('--slots <n>', 'sequences decoded in one batch', integer(1, 4096), 64)
    .option('--one-by-one', 'disable batching (for measurements)')
    .option('--queue <n>', 'max sequences that wait for a slot; further requests get 429', integer(0), 256)
    .option('--max-tokens <n>', 'max tokens of an answer', integer(1), 4096)
    .option('--max-prompt-tokens <n>', 'max tokens of a prompt', integer(1), 32_768)
    .option('--max-body-kb <n>', 'max size of a request body, in kilobytes', integer(1), 1024)
    .option('--memory-mb <n>', 'max memory of the process, in megabytes (default: not bounded)', integer(1))
    .option('--max-connections <n>', 'max connections', integer(1), 2048)
    .option('--timeout <seconds>', 'max duration of a request', integer(1), 600)
    .option('--receive-timeout <seconds>', 'max time for a request to arrive', integer(1), 30)
    .option('--drain-timeout <seconds>', 'grace period for running requests at shutdown', integer(0), 30);
}
