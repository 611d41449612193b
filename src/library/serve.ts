/** `plusminus/serve`: the OpenAI-compatible server, from code. */

import { refuseUnknown } from '../generate/samplingOptions.ts';
import type { LoadOptions } from '../languageModel.ts';
import { loadOptions } from '../loadModel.ts';
import { loadOptional } from '../optionalPackages.ts';
import { checkCorsOrigin } from '../serve/corsOrigin.ts';

/** Which model is served, where, and to whom. */
export interface ServeOptions extends LoadOptions {
  /** A folder, a Hub name or its address. Default: `plusminus/chat`. */
  readonly model?: string | undefined;
  /** Name of the model for clients. Default: the name of its folder. */
  readonly name?: string | undefined;
  /** Address to bind; 0.0.0.0 accepts connections from other machines. Default: 127.0.0.1. */
  readonly host?: string | undefined;
  /** Default 8000; 0 takes any free port. */
  readonly port?: number | undefined;
  /** Keys that clients must send. Default: none is needed. */
  readonly apiKeys?: readonly string[] | undefined;
  /** Allowed CORS origin such as `https://example.com`, or `*`. */
  readonly cors?: string | undefined;
  /** Sequences decoded in one batch. Default 64. */
  readonly slots?: number | undefined;
  /** Folder for sessions; without one, none are kept. */
  readonly sessions?: string | undefined;
  /** Folder for named prefixes and the states of responses; without one, responses are kept in memory. */
  readonly states?: string | undefined;
  /** Max bytes of that folder; default 1 GB. */
  readonly statesBytes?: number | undefined;
  /** Level of the JSON log on stdout: debug, info, warn, error or silent. Default: silent. */
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error' | 'silent' | undefined;
}

const serveOptions = [
  ...['model', 'name', 'host', 'port', 'apiKeys', 'cors', 'slots'],
  ...['sessions', 'states', 'statesBytes', 'logLevel'],
];

/** A running server. */
export interface Server extends AsyncDisposable {
  /** Such as `http://127.0.0.1:8000`; OpenAI's clients take `${url}/v1` as base URL. */
  readonly url: string;
  /** Stops accepting requests, lets running ones end for at most `seconds` (default 30), and frees the model. */
  close(seconds?: number): Promise<void>;
}

/**
 * Loads a model and serves it over HTTP.
 * @throws MissingPackageError if the server's packages are not installed; otherwise as `LanguageModel.load`; an error
 *   of the system if the port is taken
 */
export async function serve(options: ServeOptions = {}): Promise<Server> {
  refuseUnknown(options, [...serveOptions, ...loadOptions]);
  checkCorsOrigin(options.cors);
  const [{ openRuntime }, { RunningServer }, { pino }] = await loadOptional(() =>
    Promise.all([import('../serve/openRuntime.ts'), import('../serve/server.ts'), import('pino')]),
  );
  const { model = 'plusminus/chat', host = '127.0.0.1', port = 8000, apiKeys = [] } = options;
  const { cors, logLevel = 'silent', ...runtimeOptions } = options;
  const runtime = await openRuntime(model, runtimeOptions);
  try {
    const server = await RunningServer.start(runtime, {
      ...{ host, port, apiKeys, cors, log: pino({ level: logLevel }) },
      ...{ receiveSeconds: 30, maxConnections: 2048 },
    });
    const close = async (seconds = 30) => {
      await server.drain(seconds);
      await runtime.close();
    };
    return { url: server.url, close, [Symbol.asyncDispose]: () => close() };
  } catch (error) {
    await runtime.close();
    throw error;
  }
}
