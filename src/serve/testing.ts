/** A server over a small model, for tests. */
import { pino } from 'pino';
import { makeSmallModel, type SmallModelOptions } from '../../test/smallModel.ts';
import { LanguageModel } from '../languageModel.ts';
import { type OpenRuntime, openRuntime, type RuntimeOptions } from './openRuntime.ts';
import { RunningServer, type ServerOptions } from './server.ts';

export interface TestServer {
  readonly url: string;
  /** The folder of the model. */
  readonly folder: string;
  readonly runtime: OpenRuntime;
  readonly server: RunningServer;
  /** The same model without a server. */
  readonly model: LanguageModel;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** The answer to a completion. @throws if it is an error */
  complete(body: object): Promise<Completion>;
  close(): Promise<void>;
}

export interface Completion {
  readonly choices: readonly { readonly text: string; readonly finish_reason: string }[];
  readonly usage: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly prompt_tokens_details: { readonly cached_tokens: number };
  };
  readonly state?: string;
}

export async function startTestServer(
  options: RuntimeOptions = {},
  serverOptions: Partial<ServerOptions> = {},
  modelOptions: SmallModelOptions = {},
): Promise<TestServer> {
  const small = await makeSmallModel(modelOptions);
  const runtime = await openRuntime(small.folder, { threads: 1, name: 'small', ...options });
  const server = await RunningServer.start(runtime, {
    ...{ host: '127.0.0.1', port: 0, apiKeys: [], cors: undefined },
    ...{ receiveSeconds: 30, maxConnections: 1000, log: pino({ level: 'silent' }) },
    ...serverOptions,
  });
  const model = await LanguageModel.load(small.folder, { threads: 0 });
  const { url } = server;
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  return {
    ...{ url, folder: small.folder, runtime, server, model, post },
    async complete(body) {
      const response = await post('/v1/completions', body);
      if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
      return (await response.json()) as Completion;
    },
    async close() {
      await server.drain(0);
      await runtime.close();
      await model.dispose();
      await small.remove();
    },
  };
}

/** The text of a generation. */
export async function textOf(pieces: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const piece of pieces) text += piece;
  return text;
}
