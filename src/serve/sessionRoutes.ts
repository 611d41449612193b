/** `/v1/sessions`: lists, exports, imports and deletes stored sessions. */
import { type Context, Hono } from 'hono';
import * as v from 'valibot';
import { ApiError } from './apiError.ts';
import type { Env } from './app.ts';
import type { BodyReader } from './body.ts';
import type { Runtime } from './runtime.ts';
import type { SessionStore } from './sessionStore.ts';

const bringing = v.strictObject({ state: v.string() });

export function sessionRoutes(runtime: Runtime, bodies: BodyReader): Hono<Env> {
  const routes = new Hono<Env>();
  const store = (): SessionStore => {
    if (runtime.sessions) return runtime.sessions;
    throw new ApiError(404, 'this server stores no sessions; start it with --sessions FOLDER');
  };
  const described = (id: string, tokens: number) => ({ id, object: 'session', tokens });
  const missing = (id: string) =>
    new ApiError(404, `session: found no "${id}"`, { param: 'session', code: 'session_not_found' });

  routes.get('/', async (c) => {
    const ids = await store().list(c.get('owner'));
    return c.json({ object: 'list', data: ids.sort().map((id) => ({ id, object: 'session' })) });
  });
  routes.get('/:id', async (c) => {
    const id = c.req.param('id');
    const session = await store().get(c.get('owner'), id);
    if (!session) throw missing(id);
    return c.json({ ...described(id, session.tokens), state: runtime.signer.sign(session) });
  });
  routes.put('/:id', async (c: Context<Env, '/:id'>) => {
    const id = c.req.param('id');
    const body = v.safeParse(bringing, await bodies.json(c.env.incoming, c.get('share')));
    if (!body.success) throw new ApiError(400, 'body: expected {"state": "pms1.…"}', { param: 'state' });
    const session = runtime.signer.verify(body.output.state);
    await store().put(c.get('owner'), id, session);
    return c.json(described(id, session.tokens));
  });
  routes.delete('/:id', async (c) => {
    const id = c.req.param('id');
    if (!(await store().delete(c.get('owner'), id))) throw missing(id);
    return c.json({ id, object: 'session', deleted: true });
  });
  return routes;
}
