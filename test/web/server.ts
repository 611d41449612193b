/** A static host for the built app, with or without the two headers that let threads share memory. */
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono } from 'hono';

export interface Host {
  readonly url: string;
  /** From now on no connection is accepted, as if the network were gone. */
  close(): Promise<void>;
}

export async function hostFolder(root: string, { isolated }: { isolated: boolean }): Promise<Host> {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    if (!isolated) return;
    context.header('Cross-Origin-Opener-Policy', 'same-origin');
    context.header('Cross-Origin-Embedder-Policy', 'require-corp');
  });
  app.use(serveStatic({ root }));
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}
