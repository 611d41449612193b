/** The routes, and the steps that every request goes through: number, key, log. */
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono, type Next } from 'hono';
import { cors } from 'hono/cors';
import { matchedRoutes } from 'hono/route';
import type { Logger } from 'pino';
import { networkOf } from './address.ts';
import { ApiError, apiErrorOf } from './apiError.ts';
import { BodyReader } from './body.ts';
import { chatWire } from './chat.ts';
import { completionWire } from './completions.ts';
import { embeddingRoutes } from './embeddingRoutes.ts';
import { chatFieldsOf, completionFieldsOf } from './fields.ts';
import { bytesPerBodyByte, type RequestShare } from './memory.ts';
import { messageFieldsOf, messageWire } from './messages.ts';
import { prefixRoutes } from './prefixRoutes.ts';
import { respond, type Usage } from './respond.ts';
import { responseStart, responseWire } from './responses.ts';
import { responseFieldsOf } from './responsesFields.ts';
import type { Runtime } from './runtime.ts';
import { type Caller, ClientGoneError, Scope } from './scope.ts';
import { sessionRoutes } from './sessionRoutes.ts';
import { TooBusyError } from './slots.ts';
import { type Start, startOf } from './start.ts';
import { maxLength, tokenRoutes } from './tokenRoutes.ts';
import { answerBytes, type Wire } from './wire.ts';

export interface AppOptions {
  /** Without keys, anyone may use the server. */
  readonly apiKeys: readonly string[];
  /** Allowed names in a request's Host header; undefined: any. */
  readonly acceptedHosts: readonly string[] | undefined;
  /** Web pages that may use the server: an origin, or `*`. */
  readonly cors: string | undefined;
  readonly log: Logger;
}

export interface Variables {
  readonly requestId: string;
  /** The owner whose sessions the request may use. */
  readonly owner: string;
  /** The client that shares the server with others. */
  readonly client: string;
  /** The memory that the request holds. */
  readonly share: RequestShare;
}

export type Env = { Variables: Variables; Bindings: HttpBindings };

export class App {
  readonly hono = new Hono<Env>();
  /** Requests in progress. */
  readonly scopes = new Set<Scope>();
  #draining = false;
  /** Of a request, lately. */
  #seconds = 1;
  readonly #runtime: Runtime;
  readonly #options: AppOptions;
  readonly #bodies: BodyReader;

  constructor(runtime: Runtime, options: AppOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#bodies = new BodyReader(
      Math.min(runtime.limits.bodyBytes, Math.floor(runtime.requestMemory.maxOfOne / bytesPerBodyByte)),
      runtime.longWork,
    );
    this.#routes();
  }

  /** Refuses new requests from now on. */
  drain(): void {
    this.#draining = true;
  }

  #routes(): void {
    const { hono } = this;
    hono.use((c, next) => this.#logged(c, next));
    hono.use((c, next) => this.#fromAllowedHost(c, next));
    if (this.#options.cors !== undefined) hono.use(cors({ origin: this.#options.cors }));
    hono.get('/health', (c) => this.#health(c));
    hono.get('/metrics', async (c) => {
      const { registry } = this.#runtime.metrics;
      await this.#counted(c, metricsMilliseconds);
      return c.body(await registry.metrics(), 200, { 'content-type': registry.contentType });
    });
    for (const paths of ['/v1/*', '/tokenize', '/detokenize']) {
      hono.use(paths, (c, next) => this.#authorised(c, next));
      hono.use(paths, (c, next) => this.#withinMemory(c, next));
    }
    hono.get('/v1/models', (c) => c.json({ object: 'list', data: [this.#model()] }));
    hono.get('/v1/models/:id{.+}', (c) => {
      this.#checkModel(c.req.param('id'));
      return c.json(this.#model());
    });
    hono.post('/v1/completions', (c) => this.#complete(c, completionFieldsOf, completionWire));
    hono.post('/v1/chat/completions', (c) => this.#complete(c, chatFieldsOf, chatWire));
    hono.post('/v1/messages', (c) => this.#complete(c, messageFieldsOf, messageWire));
    hono.post('/v1/responses', (c) => this.#complete(c, responseFieldsOf, responseWire, responseStart));
    hono.route('/v1/sessions', sessionRoutes(this.#runtime, this.#bodies));
    const checkModel = (name: string | null | undefined) => this.#checkModel(name);
    hono.route('/v1/embeddings', embeddingRoutes(this.#runtime, this.#bodies, checkModel));
    hono.route('/v1/prefixes', prefixRoutes(this.#runtime, this.#bodies, checkModel));
    hono.route('/', tokenRoutes(this.#runtime, this.#bodies, checkModel));
    hono.notFound((c) => this.#refuse(c, this.#noRoute(c.req)));
    hono.onError((error, c) => this.#refuse(c, error));
  }

  /** Often the method is another one, or the base URL lacks "/v1". */
  #noRoute({ method, path }: { readonly method: string; readonly path: string }): ApiError {
    const meant = this.hono.routes.filter((route) => {
      const pattern = new RegExp(`^${route.path.replaceAll(/:\w+(\{.+?\})?/g, '[^/]+')}$`);
      return route.method !== 'ALL' && (pattern.test(path) || pattern.test(`/v1${path}`));
    });
    const names = new Set(meant.map((route) => `${route.method} ${route.path}`));
    const expected = names.size > 0 ? [...names].join(' or ') : 'a route such as POST /v1/chat/completions';
    return new ApiError(404, `found no ${method} ${path.slice(0, 100)}, expected ${expected}`);
  }

  async #logged(c: Context<Env>, next: Next): Promise<void> {
    const began = performance.now();
    c.set('requestId', randomUUID());
    await next();
    if (c.res.status >= 400 && c.res.status < 500) await this.#counted(c, refusalMilliseconds);
    c.header('x-request-id', c.get('requestId'));
    const seconds = (performance.now() - began) / 1000;
    const status = c.error instanceof ClientGoneError ? clientClosedRequest : c.res.status;
    const path = routeOf(c);
    this.#runtime.metrics.answered(path, status, seconds);
    const level = status >= 500 ? 'error' : path.startsWith('/v1') ? 'info' : 'debug';
    this.#options.log[level](
      { id: c.get('requestId'), method: c.req.method, path, status, seconds },
      'request',
    );
  }

  /** Waits for a turn, so that requests which cost a client nothing cannot take the time of others. */
  async #counted(c: Context<Env>, milliseconds: number): Promise<void> {
    const client = networkOf(c.env.incoming.socket.remoteAddress);
    const turn = this.#runtime.longWork.once(() => {}, { client, signal: c.req.raw.signal }, milliseconds);
    await turn.catch(() => {}); // the client has gone
  }

  /** A web page whose name points to this machine (DNS rebinding) sends that name as Host. */
  async #fromAllowedHost(c: Context<Env>, next: Next): Promise<void> {
    const { acceptedHosts } = this.#options;
    const host = hostName(c.req.header('host') ?? '');
    if (acceptedHosts && !acceptedHosts.includes(host))
      throw new ApiError(
        403,
        `host: found ${JSON.stringify(host.slice(0, 100))}, expected ${acceptedHosts.join(', ')}; ` +
          'start the server with --allowed-host to allow another name',
        { code: 'host_not_allowed' },
      );
    await next();
  }

  async #authorised(c: Context<Env>, next: Next): Promise<void> {
    const { apiKeys } = this.#options;
    // Anthropic's clients send a header of their own.
    const [, key = c.req.header('x-api-key') ?? ''] =
      /^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '') ?? [];
    if (apiKeys.length > 0 && !apiKeys.some((known) => sameText(known, key)))
      throw new ApiError(401, 'authorization: expected "Bearer" and an API key of this server', {
        code: 'invalid_api_key',
      });
    c.set('owner', apiKeys.length > 0 ? key : '');
    c.set('client', apiKeys.length > 0 ? key : networkOf(c.env.incoming.socket.remoteAddress));
    await next();
  }

  /** The memory of a request is released when its answer has been sent. */
  async #withinMemory(c: Context<Env>, next: Next): Promise<void> {
    const { guard, requestMemory } = this.#runtime;
    if (c.req.method !== 'DELETE') guard?.check();
    const share = requestMemory.open(c.get('client'));
    c.env.outgoing.once('close', () => share.release());
    c.set('share', share);
    await next();
  }

  #health(c: Context<Env>): Response {
    const { scheduler, modelName } = this.#runtime;
    const status = scheduler.failure ? 'failed' : this.#draining ? 'draining' : 'ok';
    const { active, waiting, model } = scheduler;
    const body = { status, model: modelName, active, waiting, slots: model.slots, batched: model.batched };
    return c.json(body, status === 'ok' ? 200 : 503);
  }

  #model() {
    const { modelName, created, details } = this.#runtime;
    const max_model_len = maxLength(this.#runtime);
    return { id: modelName, object: 'model', created, owned_by: 'plusminus', max_model_len, details };
  }

  #checkModel(name: string | null | undefined): void {
    const { modelName } = this.#runtime;
    if (name === undefined || name === null || name === modelName) return;
    throw new ApiError(404, `model: found "${name.slice(0, 100)}", expected "${modelName}"`, {
      param: 'model',
      code: 'model_not_found',
    });
  }

  async #complete<F extends Parameters<typeof startOf>[1]>(
    c: Context<Env>,
    read: (body: unknown) => F,
    understand: (runtime: Runtime, fields: F, start: Start, caller: Caller) => Promise<Wire>,
    begin: (runtime: Runtime, fields: F, owner: string) => Promise<Start> = startOf,
  ): Promise<Response> {
    if (this.#draining)
      throw new ApiError(503, 'the server is shutting down', { code: 'draining', retryAfter: 5 });
    const runtime = this.#runtime;
    const scope: Scope = new Scope(c.get('client'), runtime.limits.requestSeconds, c.req.raw.signal, () =>
      this.scopes.delete(scope),
    );
    this.scopes.add(scope);
    let start: Start | undefined;
    try {
      const fields = read(await this.#bodies.json(c.env.incoming, c.get('share')));
      this.#checkModel(fields.model);
      start = await begin(runtime, fields, c.get('owner'));
      const wire = await understand(runtime, fields, start, scope);
      c.get('share').take(answerBytes(runtime, wire));
      const id = c.get('requestId');
      const finished = (usage: Usage, error: unknown) => this.#finished(id, scope, usage, error);
      const cutOff = () => void c.env.outgoing.destroy();
      return await respond({ runtime, wire, start, scope, cutOff, finished });
    } catch (error) {
      start?.lease?.release();
      scope.end();
      throw error;
    }
  }

  #finished(id: string, scope: Scope, usage: Usage, error: unknown): void {
    const { seconds } = scope;
    this.#seconds = 0.9 * this.#seconds + 0.1 * seconds;
    this.#runtime.metrics.counted(usage);
    const reason = error === undefined ? 'done' : error instanceof Error ? error.message : String(error);
    this.#options.log.info({ id, ...usage, seconds, reason }, 'answer');
  }

  #refuse(c: Context<Env>, error: unknown): Response {
    const refusal = error instanceof TooBusyError ? this.#busy(error) : apiErrorOf(error);
    if (refusal.status === 500 && !(error instanceof ClientGoneError))
      this.#options.log.error({ id: c.get('requestId'), err: error }, 'failure');
    // The rest of the body is not read.
    const close = refusal.status === 413 || refusal.status === 503 ? { connection: 'close' } : {};
    const body = c.req.path === '/v1/messages' ? { type: 'error', ...refusal.body } : refusal.body;
    return Response.json(body, {
      status: refusal.status,
      headers: { ...refusal.headers, ...close, 'x-request-id': c.get('requestId') },
    });
  }

  /** Estimates when a slot will be free: those that wait go first. */
  #busy(error: TooBusyError): ApiError {
    const { waiting, model } = this.#runtime.scheduler;
    const seconds = Math.ceil((this.#seconds * (waiting + 1)) / model.slots);
    return new ApiError(429, error.message, {
      code: 'server_busy',
      retryAfter: Math.min(Math.max(seconds, 1), 60),
    });
  }
}

/** Time of the thread that a refused request takes, and one for metrics. */
const refusalMilliseconds = 1;
const metricsMilliseconds = 5;

/** The status, known from nginx, of requests whose clients left; it is only logged and counted. */
const clientClosedRequest = 499;

/** The pattern of the matched route: with the raw path as a label, clients could create metrics without limit. */
function routeOf(c: Context<Env>): string {
  const path = matchedRoutes(c).findLast((route) => !route.path.includes('*'))?.path;
  return path?.replace(/\{.*?\}/g, '') ?? 'unknown';
}

/** The name without the port, in lower case. */
function hostName(host: string): string {
  return host.replace(/:\d*$/, '').toLowerCase();
}

/** Compares in a time that does not depend on the difference. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
