/** 64 clients of a model that attends stream at once: each gets what it gets alone, from steps that they share. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestServer, type TestServer, textOf } from './testing.ts';

const streams = 64;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ slots: streams }, {}, { architecture: 'bitnet' });
});
afterAll(() => server?.close());

/** The pieces of an answer, in the order in which they came. */
async function streamed(body: object): Promise<string[]> {
  const response = await server.post('/v1/completions', { ...body, stream: true });
  expect(response.status).toBe(200);
  const events = (await response.text()).split('\n\n').filter((event) => event.startsWith('data: {'));
  return events.map((event) => JSON.parse(event.slice('data: '.length)).choices[0]?.text ?? '');
}

it('answers 64 clients at once as one at a time', { timeout: 120_000 }, async () => {
  const requests = Array.from({ length: streams }, (_, at) => ({
    ...{ prompt: `Ship ${at} had`, seed: at, temperature: 0.8, max_tokens: 12, ignore_eos: true },
  }));
  const answers = await Promise.all(requests.map(streamed));
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  for (const [at, { prompt, seed }] of requests.entries()) {
    const options = { seed, temperature: 0.8, maxTokens: 12, stopAtEos: false };
    expect(answers[at]!.join(''), prompt).toBe(await textOf(server.model.generate(prompt, options)));
  }
  // All but the first steps, in which clients still arrive, and the last ones had more than half of them.
  const count = (name: string) =>
    Number(
      metrics
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.split(' ')[1],
    );
  const small = count('plusminus_step_sequences_bucket{le="32"}');
  expect(count('plusminus_step_sequences_count') - small).toBeGreaterThanOrEqual(8);
});
