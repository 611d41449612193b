/** On an engine that draws tokens, a server's answers are those of the library, whatever else is asked for. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LanguageModel } from '../languageModel.ts';
import { startTestServer, type TestServer } from './testing.ts';

const prompts = ['abc', 'Call me', 'xyz and more of it', 'a'];

describe.each(['reference', 'cpu'] as const)('on %s', (engine) => {
  let server: TestServer;
  let model: LanguageModel;
  beforeAll(async () => {
    server = await startTestServer({ engine });
    model = await LanguageModel.load(server.folder, { engine });
  });
  afterAll(async () => {
    await model?.dispose();
    await server?.close();
  });

  it('together, each as alone', async () => {
    const bodies = prompts.map((prompt, seed) => ({
      prompt,
      seed,
      max_tokens: 12,
      temperature: 0.9,
      top_p: 0.95,
    }));
    const answers = await Promise.all(bodies.map((body) => server.complete(body)));
    const expected = [];
    for (const [seed, prompt] of prompts.entries())
      expected.push(
        (await model.complete(prompt, { seed, maxTokens: 12, temperature: 0.9, topP: 0.95 })).text,
      );
    expect(answers.map(({ choices }) => choices[0]!.text)).toEqual(expected);
  });

  it('with what needs logits beside them', async () => {
    const body = { prompt: 'abc', seed: 3, max_tokens: 12 };
    const [plain, withLogprobs, biased, formed] = await Promise.all([
      server.complete(body),
      server.complete({ ...body, logprobs: 2 }),
      server.complete({ ...body, logit_bias: { 65: 100 } }),
      server.complete({
        ...body,
        response_format: { type: 'json_schema', json_schema: { schema: { enum: [12] } } },
      }),
    ]);
    expect(withLogprobs!.choices[0]!.text).toBe(plain!.choices[0]!.text);
    const text = server.runtime.tokenizer.decode([65]);
    expect(biased!.choices[0]!.text).toContain(text.repeat(3));
    expect(formed!.choices[0]!.text).toBe('12');
  });
});
