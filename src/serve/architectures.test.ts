/** Each kind of model answers over HTTP exactly as the library does, alone and among others. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ArchitectureName, architectureNames } from '../model/config.ts';
import { startTestServer, type TestServer, textOf } from './testing.ts';

interface Scored {
  readonly choices: readonly {
    readonly index: number;
    readonly text: string;
    readonly logprobs: { readonly token_logprobs: readonly (number | null)[] };
  }[];
}

/** They end alike, so a server that forgets the beginning gives all of them one answer. */
const prompts = [
  'The captain saw the',
  'Nobody on the ship had slept since the',
  'Cats like milk, and the',
  'the',
];

const served: [ArchitectureName, boolean][] = [
  ...architectureNames.map((name): [ArchitectureName, boolean] => [name, false]),
  ['matmul-free', true],
  ['rwkv', true],
  ['llama', true],
];

describe.each(served)('%s, one by one: %s', (architecture, oneByOne) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ slots: 4, oneByOne }, {}, { architecture });
  });
  afterAll(() => server?.close());

  const complete = async (body: object) => (await server.complete(body)) as unknown as Scored;

  /** log p of each token after the first, by the library, in float64. */
  async function logprobsOf(tokens: readonly number[]): Promise<number[]> {
    const { logits } = await server.model.forward(tokens);
    const width = server.model.config.vocabSize;
    return tokens.slice(1).map((id, at) => {
      const row = [...logits.subarray(at * width, (at + 1) * width)];
      const max = Math.max(...row);
      return row[id]! - max - Math.log(row.reduce((sum, x) => sum + Math.exp(x - max), 0));
    });
  }

  async function expectLibraryAnswer(prompt: string, { choices }: Scored): Promise<number> {
    const ids: number[] = [];
    const onToken = (id: number) => ids.push(id);
    const options = { temperature: 0, maxTokens: 5, stopAtEos: false, onToken };
    expect(choices[0]!.text).toBe(prompt + (await textOf(server.model.generate(prompt, options))));
    const found = choices[0]!.logprobs.token_logprobs;
    const expected = await logprobsOf([...server.model.tokenizer!.encode(prompt), ...ids]);
    expect(found).toHaveLength(expected.length + 1);
    for (const [at, value] of expected.entries()) expect(found[at + 1]).toBeCloseTo(value, 10);
    return expected.at(-5)!;
  }

  const request = (prompt: string) => ({
    ...{ prompt, temperature: 0, max_tokens: 5, ignore_eos: true, echo: true, logprobs: 0 },
  });

  it('batches every model', async () => {
    const health = await (await fetch(`${server.url}/health`)).json();
    expect(health.batched).toBe(!oneByOne);
  });

  it('samples with a seed as the library does, alone and among others', async () => {
    const sampling = { temperature: 0.8, top_p: 0.9, top_k: 40, ignore_eos: true, max_tokens: 12 };
    const requests = prompts.map((prompt, at) => ({ ...sampling, prompt, seed: 7 + at }));
    const alone: string[] = [];
    for (const request of requests) alone.push((await complete(request)).choices[0]!.text);
    const together = await Promise.all(requests.map(complete));
    expect(together.map(({ choices }) => choices[0]!.text)).toEqual(alone);
    const options = { temperature: 0.8, topP: 0.9, topK: 40, stopAtEos: false, maxTokens: 12 };
    for (const [at, prompt] of prompts.entries())
      expect(alone[at]).toBe(await textOf(server.model.generate(prompt, { ...options, seed: 7 + at })));
  });

  it('answers requests that come alone', async () => {
    for (const prompt of prompts) await expectLibraryAnswer(prompt, await complete(request(prompt)));
  });

  it('answers requests that come together, each with its own context', async () => {
    const six = [...prompts, ...prompts.slice(0, 2)];
    const answers = await Promise.all(six.map((prompt) => complete(request(prompt))));
    const first: number[] = [];
    for (const [at, prompt] of six.entries()) first.push(await expectLibraryAnswer(prompt, answers[at]!));
    expect(new Set(first).size).toBe(prompts.length);
  });

  it('continues from the state cache and from states that clients keep', async () => {
    const greedy = { temperature: 0, max_tokens: 5, ignore_eos: true };
    const [prompt] = prompts;
    await server.complete({ ...greedy, prompt });
    const again = await server.complete({ ...greedy, prompt, return_state: true });
    expect(again.usage.prompt_tokens_details.cached_tokens).toBeGreaterThan(0);
    const next = await server.complete({ ...greedy, prompt: [7], state: again.state });
    const session = server.model.session();
    await session.append(prompt!);
    const options = { temperature: 0, maxTokens: 5, stopAtEos: false };
    expect(again.choices[0]!.text).toBe(await textOf(session.generate(options)));
    await session.append([7]);
    expect(next.choices[0]!.text).toBe(await textOf(session.generate(options)));
  });
});
