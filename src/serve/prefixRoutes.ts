/** `/v1/prefixes`: creates, lists and deletes named prefixes. */
import { type Context, Hono } from 'hono';
import * as v from 'valibot';
import { ApiError } from './apiError.ts';
import type { Env } from './app.ts';
import type { BodyReader } from './body.ts';
import { encodeMessages, toolsOf } from './chatRequest.ts';
import { checkFields, messagesField, toolsField } from './fields.ts';
import type { NamedPrefixes } from './namedPrefixes.ts';
import { sharedLength } from './preambles.ts';
import { readPrompt } from './reading.ts';
import type { Runtime } from './runtime.ts';
import { type Caller, Scope } from './scope.ts';

const fields = v.strictObject({
  model: v.nullish(v.string()),
  messages: v.nullish(messagesField),
  tools: v.nullish(toolsField),
  prompt: v.nullish(v.string()),
});
type PrefixFields = v.InferOutput<typeof fields>;

/** @param checkModel throws if a request names another model */
export function prefixRoutes(
  runtime: Runtime,
  bodies: BodyReader,
  checkModel: (name: string | null | undefined) => void,
): Hono<Env> {
  const routes = new Hono<Env>();
  const store = (): NamedPrefixes => {
    if (runtime.prefixes) return runtime.prefixes;
    throw new ApiError(404, 'this server stores no prefixes; start it with --states FOLDER');
  };

  routes.get('/', (c) => {
    const data = store()
      .list(c.get('owner'))
      .map((prefix) => ({ object: 'prefix', ...prefix }));
    return c.json({ object: 'list', data });
  });
  routes.put('/:id', async (c: Context<Env, '/:id'>) => {
    const prefixes = store();
    const asked = checkFields(fields, await bodies.json(c.env.incoming, c.get('share')));
    checkModel(asked.model);
    const { requestSeconds } = runtime.limits;
    const scope = new Scope(c.get('client'), requestSeconds, c.req.raw.signal, () => {});
    try {
      const tokens = await tokensOf(runtime, asked, scope);
      const state = await stateAfter(runtime, tokens, scope);
      const prefix = await prefixes.put(c.get('owner'), c.req.param('id'), tokens, state);
      return c.json({ object: 'prefix', ...prefix });
    } finally {
      scope.end();
    }
  });
  routes.delete('/:id', async (c) => {
    const id = c.req.param('id');
    if (!(await store().delete(c.get('owner'), id)))
      throw new ApiError(404, `prefix: found no "${id.slice(0, 64)}"`, { code: 'prefix_not_found' });
    return c.json({ id, object: 'prefix', deleted: true });
  });
  return routes;
}

/** The tokens that every prompt has that continues the prefix, whatever follows. */
async function tokensOf(runtime: Runtime, asked: PrefixFields, caller: Caller): Promise<readonly number[]> {
  const { messages, prompt } = asked;
  if (typeof prompt === 'string' ? messages || asked.tools : !messages && !asked.tools)
    throw new ApiError(400, 'prefix: expected messages, with tools or without, or a prompt', {
      param: 'messages',
    });
  const tools = toolsOf({ tools: asked.tools });
  const encode = (next: string) =>
    typeof prompt === 'string'
      ? runtime.encoder.encode(prompt + next, { addSpecialTokens: true }, 'prompt', caller)
      : encodeMessages(
          runtime,
          [...(messages ?? []), { role: 'user', content: next }],
          undefined,
          caller,
          tools,
        );
  // Two ways on, since a token may join the end of the prefix with what follows it.
  const [one, other] = [await encode('A'), await encode('\u0001')];
  const tokens = one.slice(0, sharedLength(one, other));
  if (tokens.length > 0) return tokens;
  throw new ApiError(400, 'prefix: found no token, expected at least one', { param: 'prompt' });
}

async function stateAfter(runtime: Runtime, tokens: readonly number[], caller: Caller) {
  const read = { tokens: [...tokens, tokens[0]!], earlier: undefined, scored: undefined }; // the last is not read
  const { sequence } = await readPrompt(runtime, read, caller);
  try {
    return await sequence.save();
  } finally {
    sequence.close();
  }
}
