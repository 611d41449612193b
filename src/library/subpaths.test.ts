/** The package's subpaths as their users call them: `plusminus/ai`, `/serve`, `/train`, `/evaluate`, `/accelerator`. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LanguageModelV4 } from '@ai-sdk/provider';
import {
  cosineSimilarity,
  embedMany,
  generateObject,
  generateText,
  isStepCount,
  jsonSchema,
  Output,
  streamObject,
  streamText,
  tool,
} from 'ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LanguageModel } from '../index.ts';
import { assemble, disassemble } from './accelerator.ts';
import { plusminus, plusminusEmbedding } from './ai.ts';
import { evaluateTask, evaluateText, taskNames } from './evaluate.ts';
import { serve } from './serve.ts';
import { resume, train } from './train.ts';

let folder: string;
let model: LanguageModel;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plusminus-subpaths-'));
  model = await LanguageModel.load('plusminus/chat', { threads: 1 });
});
afterAll(async () => {
  await model?.dispose();
  await rm(folder, { recursive: true, force: true });
});

describe('plusminus/ai', () => {
  const asked = { prompt: 'What is a cat?', temperature: 0, maxOutputTokens: 12, seed: 1 };
  // The annotation is part of the test: the structural types fit the SDK's.
  const provided = (): LanguageModelV4 => plusminus(model);

  it('answers generateText as the model itself does', async () => {
    const own = await model.complete([{ role: 'user', content: asked.prompt }], {
      temperature: 0,
      maxTokens: 12,
    });
    const result = await generateText({ model: provided(), ...asked });
    expect(result.text).toBe(own.text);
    expect(result.finishReason).toBe(own.finishReason === 'length' ? 'length' : 'stop');
    expect(result.usage).toMatchObject({
      ...{ inputTokens: own.usage.promptTokens, outputTokens: own.usage.completionTokens },
    });
    expect(result.warnings ?? []).toEqual([]);
  });

  it('streams the same text to streamText', async () => {
    const { text, usage } = await generateText({ model: provided(), ...asked });
    const stream = streamText({ model: provided(), ...asked });
    const pieces: string[] = [];
    for await (const piece of stream.textStream) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join('')).toBe(text);
    expect((await stream.usage).outputTokens).toBe(usage.outputTokens);
  });

  it('stops when the signal is aborted, and warns of what it cannot do', async () => {
    const signal = AbortSignal.abort();
    await expect(generateText({ model: provided(), ...asked, abortSignal: signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
    const { warnings } = await plusminus(model).doGenerate({
      prompt: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
      presencePenalty: 1,
      maxOutputTokens: 1,
    });
    expect(warnings).toEqual([expect.objectContaining({ type: 'unsupported', feature: 'presencePenalty' })]);
    const file = { type: 'file', data: 'AA==', mediaType: 'image/png' };
    await expect(
      plusminus(model).doGenerate({ prompt: [{ role: 'user', content: [file] }] }),
    ).rejects.toThrow('prompt[0]: found content of type "file", expected text only');
  });
});

describe('plusminus/ai', () => {
  const place = jsonSchema<{ city: string; days: number }>({
    ...{ type: 'object', required: ['city', 'days'], additionalProperties: false },
    properties: { city: { enum: ['Rome', 'Oslo'] }, days: { type: 'integer', minimum: 1, maximum: 9 } },
  });
  const isPlace = (value: unknown) =>
    expect(value).toEqual({ city: expect.stringMatching(/^(Rome|Oslo)$/), days: expect.any(Number) });

  it('gives objects of a schema to generateText and streamText', async () => {
    const options = { model: plusminus(model), prompt: 'A trip.', seed: 3, temperature: 1 };
    const { output } = await generateText({ ...options, output: Output.object({ schema: place }) });
    isPlace(output);
    const stream = streamText({ ...options, output: Output.object({ schema: place }) });
    for await (const _ of stream.textStream);
    expect(await stream.output).toEqual(output);
  });

  it('gives them to generateObject and streamObject', async () => {
    const options = { model: plusminus(model), prompt: 'A trip.', seed: 3, temperature: 1, schema: place };
    const { object } = await generateObject(options);
    isPlace(object);
    const stream = streamObject(options);
    for await (const _ of stream.partialObjectStream);
    expect(await stream.object).toEqual(object);
  });

  it('calls tools, and continues with what they return', async () => {
    const calls: unknown[] = [];
    const trip = tool({
      description: 'Plans a trip.',
      inputSchema: place,
      execute: (input) => {
        calls.push(input);
        return { ok: true };
      },
    });
    const options = {
      ...{ model: plusminus(model), prompt: 'Plan a trip.', tools: { trip }, maxOutputTokens: 60, seed: 1 },
      prepareStep: ({ stepNumber }: { stepNumber: number }) => ({
        toolChoice: stepNumber === 0 ? ('required' as const) : ('none' as const),
      }),
      stopWhen: isStepCount(2),
    };
    const { steps } = await generateText(options);
    expect(steps.map(({ finishReason }) => finishReason)[0]).toBe('tool-calls');
    expect(steps).toHaveLength(2);
    isPlace(calls[0]);
    const stream = streamText(options);
    for await (const _ of stream.fullStream);
    expect((await stream.steps)[0]!.toolCalls).toHaveLength(1);
    expect(calls).toHaveLength(2);
  });

  it('embeds texts', async () => {
    const { embeddings } = await embedMany({
      model: plusminusEmbedding(model),
      values: ['a whale', 'a ship'],
    });
    const [own] = await model.embed(['a whale']);
    expect(embeddings[0]).toEqual([...own!]);
    expect(cosineSimilarity(embeddings[0]!, embeddings[0]!)).toBeCloseTo(1, 5);
  });
});

// Options that are ignored are found out after hours of training.
it.each<[string, () => Promise<unknown>, RegExp]>([
  [
    'a setting beside the settings',
    () => train({ data: [], out: 'x', steps: 3 } as never),
    /^steps: no such/,
  ],
  ['an unknown setting', () => train({ data: [], out: 'x', settings: { stepz: 3 } as never }), /stepz/],
  ['one file, not a list', () => train({ data: 'book.txt', out: 'x' } as never), /^data: found "book.txt"/],
  ['no data', () => train({ out: 'x' } as never), /^data: found undefined/],
  ['no folder', () => train({ data: [] } as never), /^out: found undefined/],
  ['nothing', () => train(undefined as never), /^options: /],
  ['resume', () => resume('x', { maxSteps: 3 } as never), /^maxSteps: no such option; known are/],
  ['evaluateText', () => evaluateText({} as never, 'book.txt' as never), /^files: found "book.txt"/],
  ['evaluateTask', () => evaluateTask({} as never, 'piqa', { limits: 3 } as never), /^limits: no such/],
  ['serve', () => serve({ apiKey: 'k' } as never), /^apiKey: no such option; known are/],
])('what programs without types get wrong is named: %s', async (_, call, message) => {
  const error = await call().catch((caught: unknown) => caught); // a throw before the promise fails the test
  expect(error).toMatchObject({ code: 'invalid-input', message: expect.stringMatching(message) });
});

it.each(['example.com', 'https://example.com/', 'https://example.com/page', 'https://Example.com', ''])(
  'plusminus/serve refuses the CORS origin "%s", which no page has',
  async (cors) => {
    await expect(serve({ port: 0, cors })).rejects.toThrow(/^cors: found ".*", expected "\*" or an origin/);
  },
);

it('plusminus/serve answers an HTTP client, then closes', async () => {
  await using server = await serve({ port: 0, threads: 1, apiKeys: ['key'] });
  const body = JSON.stringify({ messages: [{ role: 'user', content: 'Hi' }], max_tokens: 4 });
  const headers = { 'content-type': 'application/json', authorization: 'Bearer key' };
  const response = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers, body });
  expect(await response.json()).toMatchObject({ choices: [{ message: { role: 'assistant' } }] });
  expect((await fetch(`${server.url}/v1/models`)).status).toBe(401);
});

it('plusminus/train trains, is interrupted, resumes; plusminus/evaluate scores the result', async () => {
  const text = join(folder, 'text.txt');
  await writeFile(text, 'The quick brown fox jumps over the lazy dog. '.repeat(200));
  const out = join(folder, 'run');
  const stop = new AbortController();
  const steps: number[] = [];
  const sizes = { name: 'tiny', layers: 1, hiddenSize: 32, intermediateSize: 32 };
  const begun = await train({
    ...{ data: [text], out, model: sizes, vocabulary: 300, threads: 1, signal: stop.signal },
    settings: { steps: 4, batch: 2, length: 16, warmup: 1 },
    onLine: (line) => {
      if (line.event === 'step' && steps.push(line.step) === 2) stop.abort();
    },
  });
  expect(begun).toEqual({ folder: out, steps: 2, outcome: 'interrupted' });
  expect(await resume(out, { threads: 1 })).toEqual({ folder: out, steps: 4, outcome: 'finished' });
  await using trained = await LanguageModel.load(out, { threads: 1 });
  const { items, metrics } = await evaluateText(trained, [text]);
  expect(items).toBe(1);
  expect(metrics.find(({ name }) => name === 'bits_per_byte')!.value).toBeGreaterThan(0);
  expect(taskNames).toContain('arc_easy');
}, 60_000);

it('plusminus/accelerator assembles and disassembles', () => {
  const words = assemble('halt');
  expect(disassemble(words)).toContain('halt');
});
