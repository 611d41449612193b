/** `/tokenize` and `/detokenize`: what the model reads for a text or for messages, as vLLM names these routes. */
import { Hono } from 'hono';
import * as v from 'valibot';
import type { Env } from './app.ts';
import type { BodyReader } from './body.ts';
import { encodeMessages } from './chatRequest.ts';
import { checkFields, messagesField } from './fields.ts';
import type { Runtime } from './runtime.ts';
import { Scope } from './scope.ts';
import { checkIds } from './start.ts';
import { tokenIds } from './textFields.ts';

const flag = v.nullish(v.boolean());
const tokenizing = v.strictObject({
  model: v.nullish(v.string()),
  prompt: v.nullish(v.string()),
  messages: v.nullish(messagesField),
  add_special_tokens: flag,
  return_token_strs: flag,
});
const detokenizing = v.strictObject({
  model: v.nullish(v.string()),
  tokens: tokenIds,
});

/** @param checkModel throws if a request names another model */
export function tokenRoutes(
  runtime: Runtime,
  bodies: BodyReader,
  checkModel: (name: string | null | undefined) => void,
): Hono<Env> {
  const routes = new Hono<Env>();
  const { tokenizer, encoder, limits } = runtime;

  routes.post('/tokenize', async (c) => {
    const fields = checkFields(tokenizing, await bodies.json(c.env.incoming, c.get('share')));
    checkModel(fields.model);
    const scope = new Scope(c.get('client'), limits.requestSeconds, c.req.raw.signal, () => {});
    try {
      const { messages, prompt, add_special_tokens, return_token_strs } = fields;
      const tokens = messages
        ? await encodeMessages(runtime, messages, undefined, scope)
        : await encoder.encode(
            prompt ?? '',
            { addSpecialTokens: add_special_tokens !== false },
            'prompt',
            scope,
          );
      const strings =
        return_token_strs === true ? { token_strs: tokens.map((id) => tokenizer.token(id)) } : {};
      return c.json({ count: tokens.length, max_model_len: maxLength(runtime), tokens, ...strings });
    } finally {
      scope.end();
    }
  });

  routes.post('/detokenize', async (c) => {
    const fields = checkFields(detokenizing, await bodies.json(c.env.incoming, c.get('share')));
    checkModel(fields.model);
    checkIds(runtime, fields.tokens, 'tokens');
    return c.json({ prompt: tokenizer.decode(fields.tokens, { skipSpecialTokens: false }) });
  });
  return routes;
}

/** Tokens that a sequence may have. */
export function maxLength({ limits }: Runtime): number {
  return Math.min(limits.contextTokens, limits.promptTokens + limits.maxTokens);
}
