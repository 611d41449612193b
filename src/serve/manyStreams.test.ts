/**
 * 64 clients of a model that attends stream at once: each gets what it gets alone, from steps that they share. Their prompts
 * have different lengths, and half of them begin alike.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestServer, type TestServer, textOf } from './testing.ts';

const streams = 64;
const preamble = 'It was the whale, the white whale, and nobody on the ship had slept. '.repeat(4);

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
    ...{
      prompt: `${at % 2 ? preamble : ''}${'On and on. '.repeat(at % 5)}Ship ${at} had`,
      seed: at,
      temperature: 0.8,
      max_tokens: 24,
      ignore_eos: true,
    },
  }));
  const answers = await Promise.all(requests.map(streamed));
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  for (const [at, { prompt, seed }] of requests.entries()) {
    const options = { seed, temperature: 0.8, maxTokens: 24, stopAtEos: false };
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
  expect(count('plusminus_step_sequences_count') - small).toBeGreaterThanOrEqual(16);
});
