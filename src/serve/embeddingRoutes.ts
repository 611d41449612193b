/** `/v1/embeddings`: texts or token ids as vectors, in OpenAI's form. */
import { Hono } from 'hono';
import * as v from 'valibot';
import { embed } from '../library/embeddings.ts';
import { ApiError } from './apiError.ts';
import type { Env } from './app.ts';
import type { BodyReader } from './body.ts';
import { checkFields } from './fields.ts';
import type { Runtime } from './runtime.ts';
import { Scope } from './scope.ts';
import { checkIds } from './start.ts';
import { textsOrIds } from './textFields.ts';

const fields = v.strictObject({
  model: v.nullish(v.string()),
  input: textsOrIds,
  encoding_format: v.nullish(v.picklist(['float', 'base64'])),
  dimensions: v.nullish(
    v.pipe(
      v.number(),
      v.check((x) => Number.isSafeInteger(x) && x >= 1, 'an integer of 1 or more'),
    ),
  ),
  user: v.nullish(v.string()),
  pooling: v.nullish(v.picklist(['mean', 'last', 'state'])),
  layer: v.nullish(v.number()),
});

const maxTexts = 2048;

export function embeddingRoutes(
  runtime: Runtime,
  bodies: BodyReader,
  checkModel: (name: string | null | undefined) => void,
): Hono<Env> {
  const routes = new Hono<Env>();
  routes.post('/', async (c) => {
    const { encoder, limits, modelName } = runtime;
    const asked = checkFields(fields, await bodies.json(c.env.incoming, c.get('share')));
    checkModel(asked.model);
    const inputs = inputsOf(asked.input);
    const scope = new Scope(c.get('client'), limits.requestSeconds, c.req.raw.signal, () => {});
    try {
      const texts: (readonly number[])[] = [];
      for (const [index, text] of inputs.entries()) {
        const where = `input[${index}]`;
        texts.push(
          typeof text === 'string'
            ? await encoder.encode(text, { addSpecialTokens: true }, where, scope)
            : checkIds(runtime, text, where),
        );
      }
      const { pooling, layer, dimensions } = asked;
      const { signal } = scope;
      const vectors = await embed(runtime.embedded, texts, {
        ...{
          pooling: pooling ?? undefined,
          layer: layer ?? undefined,
          dimensions: dimensions ?? undefined,
          signal,
        },
      });
      const tokens = texts.reduce((sum, text) => sum + text.length, 0);
      const data = vectors.map((vector, index) => ({
        ...{ object: 'embedding', index },
        embedding: asked.encoding_format === 'base64' ? base64(vector) : [...vector],
      }));
      return c.json({
        ...{ object: 'list', data, model: modelName, usage: { prompt_tokens: tokens, total_tokens: tokens } },
      });
    } finally {
      scope.end();
    }
  });
  return routes;
}

function inputsOf(input: v.InferOutput<typeof fields>['input']): readonly (string | readonly number[])[] {
  if (typeof input === 'string') return [input];
  const list = typeof input[0] === 'number' ? [input as number[]] : (input as (string | number[])[]);
  if (list.length === 0 || list.length > maxTexts)
    throw new ApiError(400, `input: found ${list.length} texts, expected 1 to ${maxTexts}`, {
      param: 'input',
    });
  return list;
}

/** 32-bit floats, the least significant byte first. */
function base64(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
}
