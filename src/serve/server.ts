/** The HTTP server: its sockets, their time-outs, and its shutdown. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { ApiError } from './apiError.ts';
import { App, type AppOptions } from './app.ts';
import { Connections } from './connections.ts';
import type { Runtime } from './runtime.ts';

export interface ServerOptions extends Omit<AppOptions, 'acceptedHosts'> {
  readonly host: string;
  /**
   * Allowed names in a request's Host header. On a loopback address the names of this machine are always allowed, and others
   * only if given; on other addresses all names are allowed unless some are given.
   */
  readonly allowedHosts?: readonly string[] | undefined;
  /** 0: any free port. */
  readonly port: number;
  /** Seconds for a request to arrive, headers and body. */
  readonly receiveSeconds: number;
  readonly maxConnections: number;
}

export class RunningServer {
  readonly #server: Server;
  readonly #app: App;
  readonly #closed: Promise<unknown>;

  private constructor(server: Server, app: App) {
    this.#server = server;
    this.#app = app;
    this.#closed = once(server, 'close');
  }

  /** @throws an error of the system if the port is taken */
  static async start(runtime: Runtime, options: ServerOptions): Promise<RunningServer> {
    const app = new App(runtime, { ...options, acceptedHosts: acceptedHosts(options) });
    const milliseconds = 1000 * options.receiveSeconds;
    const server = createAdaptorServer({
      fetch: app.hono.fetch,
      overrideGlobalObjects: false,
      serverOptions: {
        maxHeaderSize: 16_384,
        headersTimeout: milliseconds,
        requestTimeout: milliseconds,
        connectionsCheckingInterval: Math.min(milliseconds, 1000),
        keepAliveTimeout: 30_000,
      },
    }) as Server;
    new Connections(server, {
      max: options.maxConnections,
      stallSeconds: runtime.limits.stallSeconds,
    });
    server.listen(options.port, options.host);
    await once(server, 'listening'); // an error, such as a port that is taken, rejects
    return new RunningServer(server, app);
  }

  get url(): string {
    const { address, family, port } = this.#server.address() as AddressInfo;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  /**
   * Takes no more requests, lets running ones end, and cuts off the rest after `seconds`.
   * @returns number of requests that were cut off
   */
  async drain(seconds: number): Promise<number> {
    this.#app.drain();
    this.#server.close();
    const deadline = performance.now() + 1000 * seconds;
    while (this.#app.scopes.size > 0 && performance.now() < deadline) {
      this.#server.closeIdleConnections();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const left = [...this.#app.scopes];
    for (const scope of left)
      scope.abort(new ApiError(503, 'the server is shutting down', { code: 'draining' }));
    if (left.length > 0) await new Promise((resolve) => setTimeout(resolve, 200)); // so that they receive the error
    this.#server.closeAllConnections();
    await this.#closed;
    return left.length;
  }
}

/** Web pages can make a browser send requests to loopback under a name of theirs (DNS rebinding). */
function acceptedHosts({ host, allowedHosts = [] }: ServerOptions): string[] | undefined {
  const given = allowedHosts.map((name) => name.toLowerCase());
  if (!isLoopback(host)) return given.length > 0 ? given : undefined;
  const own = host.includes(':') ? `[${host}]` : host.toLowerCase();
  return [...new Set(['localhost', '127.0.0.1', '[::1]', own, ...given])];
}

export function isLoopback(host: string): boolean {
  return /^(localhost|127\.|::1$)/i.test(host);
}
