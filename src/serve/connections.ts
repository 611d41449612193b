/**
 * The connections of a server, whose number is limited. If all are taken, a new one replaces the one that has been idle
 * longest, of the address with the most; so idle connections lock no client out. A connection whose client does not read
 * its answer is closed.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { networkOf } from './address.ts';

interface Connection {
  readonly socket: Socket;
  readonly network: string;
  readonly exchanges: Set<{ readonly request: IncomingMessage; readonly response: ServerResponse }>;
  /** Bytes written at the last check, and since when they have not grown while an answer waits to be read. */
  written: number;
  stalledSince: number | undefined;
}

export class Connections {
  readonly #max: number;
  readonly #stallSeconds: number;
  /** The least recently used one first. */
  readonly #all = new Map<Socket, Connection>();

  constructor(server: Server, { max, stallSeconds }: { max: number; stallSeconds: number }) {
    this.#max = max;
    this.#stallSeconds = stallSeconds;
    server.on('connection', (socket) => this.#add(socket));
    server.on('request', (request, response) => this.#began(request, response));
    const timer = setInterval(() => this.#closeStalled(), Math.min(250 * stallSeconds, 5000));
    timer.unref();
    server.on('close', () => clearInterval(timer));
  }

  get size(): number {
    return this.#all.size;
  }

  #add(socket: Socket): void {
    if (this.#all.size >= this.#max && !this.#replaceIdle()) {
      socket.destroy();
      return;
    }
    const network = networkOf(socket.remoteAddress);
    const exchanges = new Set<never>();
    this.#all.set(socket, { socket, network, exchanges, written: 0, stalledSince: undefined });
    socket.once('close', () => this.#all.delete(socket));
  }

  #began(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const connection = this.#all.get(socket);
    if (!connection) return;
    const exchange = { request, response };
    connection.exchanges.add(exchange);
    response.once('close', () => {
      connection.exchanges.delete(exchange);
      if (this.#all.delete(socket) && !socket.destroyed) this.#all.set(socket, connection);
    });
  }

  /** Returns whether a connection was closed. */
  #replaceIdle(): boolean {
    const idle = [...this.#all.values()].filter((connection) => !isBusy(connection));
    if (idle.length === 0) return false;
    const counts = new Map<string, number>();
    for (const { network } of this.#all.values()) counts.set(network, (counts.get(network) ?? 0) + 1);
    const oldest = idle.reduce((a, b) => (counts.get(b.network)! > counts.get(a.network)! ? b : a));
    this.#all.delete(oldest.socket);
    oldest.socket.destroy();
    return true;
  }

  #closeStalled(): void {
    const now = performance.now();
    for (const connection of this.#all.values()) {
      const { socket, exchanges, written } = connection;
      const waits =
        socket.writableLength > 0 || [...exchanges].some(({ response }) => response.writableEnded);
      const moves = socket.bytesWritten - socket.writableLength !== written;
      connection.written = socket.bytesWritten - socket.writableLength;
      if (!waits || moves) connection.stalledSince = undefined;
      else connection.stalledSince ??= now;
      if (now - (connection.stalledSince ?? now) > 1000 * this.#stallSeconds) socket.destroy();
    }
  }
}

/** Whether a request has arrived in full and is being answered. */
function isBusy({ exchanges }: Connection): boolean {
  return [...exchanges].some(({ request }) => request.complete);
}
