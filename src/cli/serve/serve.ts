/** What `plusminus serve` does, in a module of its own: it imports optional packages, which help does without. */
import { pino } from 'pino';
import { chatModel } from '../../checkpoint/bundledModels.ts';
import { InputError } from '../../errors.ts';
import { checkCorsOrigin } from '../../serve/corsOrigin.ts';
import { openRuntime } from '../../serve/openRuntime.ts';
import { isLoopback, RunningServer } from '../../serve/server.ts';
import { chosenModel } from '../findModel.ts';
import { readInputFile } from '../inputFile.ts';
import { loadProgress } from '../openModel.ts';
import type { ServeFlags } from '../serve.ts';

export async function serve(flags: ServeFlags): Promise<void> {
  const log = pino({ level: flags.quiet ? 'warn' : flags.logLevel });
  const apiKeys = await keysOf(flags);
  if (flags.host.trim() === '')
    throw new InputError('--host: found an empty address, expected one such as 127.0.0.1 or 0.0.0.0');
  checkCorsOrigin(flags.cors);
  const source = await chosenModel(flags.model, chatModel);
  const progress = loadProgress(flags);
  const runtime = await openRuntime(source, {
    ...{ engine: flags.engine, threads: flags.threads, kvCacheType: flags.kvCacheType, name: flags.name },
    ...{ slots: flags.slots, maxWaiting: flags.queue, oneByOne: flags.oneByOne, sessions: flags.sessions },
    keyValueBytes: 1e6 * flags.kvCacheMb,
    ...{ cacheBytes: 1e6 * flags.cacheMb, cacheFolder: flags.cacheFolder },
    memoryBytes: flags.memoryMb === undefined ? undefined : 1e6 * flags.memoryMb,
    cacheFolderBytes: 1e6 * flags.cacheFolderMb,
    ...{ states: flags.states, statesBytes: 1e6 * flags.statesMb },
    secret:
      flags.secretFile === undefined ? undefined : await readInputFile('--secret-file', flags.secretFile),
    limits: {
      bodyBytes: 1024 * flags.maxBodyKb,
      promptTokens: flags.maxPromptTokens,
      maxTokens: flags.maxTokens,
      requestSeconds: flags.timeout,
    },
    onProgress: progress.hooks.onProgress,
    onMemory(room) {
      progress.hooks.onMemory(room);
      log.info({ needed: room.needed, available: room.available }, 'memory, in bytes');
    },
  }).finally(progress.stop);
  try {
    const server = await RunningServer.start(runtime, {
      ...{ host: flags.host, port: flags.port, apiKeys, cors: flags.cors, log },
      allowedHosts: flags.allowedHost,
      ...{ receiveSeconds: flags.receiveTimeout, maxConnections: flags.maxConnections },
    });
    const { modelName: model, engine } = runtime;
    const { slots, batched } = runtime.scheduler.model;
    log.info({ url: server.url, model, engine, slots, batched }, 'listening');
    if (apiKeys.length === 0 && !isLoopback(flags.host))
      log.warn('no API key is set: anyone who reaches this address may use the server');
    const signal = await stopSignal();
    log.info({ signal, seconds: flags.drainTimeout }, 'draining');
    const cutOff = await server.drain(flags.drainTimeout);
    log.info({ cutOff }, 'ended');
  } finally {
    await runtime.close();
  }
}

async function keysOf({ apiKey = [], apiKeyFile }: ServeFlags): Promise<string[]> {
  if (apiKey.some((key) => key.trim() === ''))
    throw new InputError('--api-key: found an empty key, expected a text; without the flag no key is needed');
  const ofFile = apiKeyFile === undefined ? '' : await readInputFile('--api-key-file', apiKeyFile);
  const keys = [
    ...apiKey,
    ...ofFile
      .toString()
      .split('\n')
      .map((line) => line.trim()),
  ].filter((key) => key !== '');
  if (apiKeyFile !== undefined && keys.length === 0)
    throw new InputError(`--api-key-file: found no key in ${apiKeyFile}, expected one per line`);
  return keys;
}

/** The first signal ends the server in an orderly way, a second at once. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let stopping = false;
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
      process.on(name, () => {
        if (stopping && name === 'SIGHUP') return; // a terminal that closes may send it twice
        if (stopping) process.exit(name === 'SIGTERM' ? 143 : 130);
        stopping = true;
        resolve(name);
      });
  });
}
