/** Steps: whose tokens they take, and that nobody waits for someone else's work between them. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SlotModel, SlotTokens } from '../run/slotModel.ts';
import { LongWork } from './longWork.ts';
import { Scheduler } from './scheduler.ts';
import { startTestServer, type TestServer } from './testing.ts';

let server: TestServer;
/** Tokens of each step, by slot. */
let steps: number[][];
let scheduler: Scheduler;
beforeEach(async () => {
  server = await startTestServer({ slots: 4 });
  steps = [];
  const { model, vocabulary } = server.runtime.scheduler;
  const recorded: SlotModel = {
    ...{ slots: model.slots, maxTokens: model.maxTokens, batched: model.batched, draws: model.draws },
    load: (slot, state) => model.load(slot, state),
    save: (slot) => model.save(slot),
    step(parts: readonly SlotTokens[]) {
      steps.push(parts.map(({ tokens }) => tokens.length));
      return model.step(parts);
    },
  };
  scheduler = new Scheduler(recorded, { vocabulary, maxWaiting: 4, longWork: new LongWork() });
});
afterEach(() => server.close());

const prompt = Array(600).fill(7);

it('a sequence advances while logits of another are being read', async () => {
  const reading = await scheduler.open(undefined, { client: 'a' });
  const other = await scheduler.open(undefined, { client: 'b' });
  let rows = 0;
  await reading.score(prompt, async (logits) => {
    for (let i = 0; i < 3; i++) await other.append([7]); // the step that takes it comes while this one reads
    rows += logits.length / scheduler.vocabulary;
  });
  expect(rows).toBe(prompt.length);
});

it('shown logits stay as they were while later steps run', async () => {
  const reading = await scheduler.open(undefined, { client: 'a' });
  const other = await scheduler.open(undefined, { client: 'b' });
  await reading.score([7, 8, 9], async (logits) => {
    const before = logits.slice();
    await other.append([1, 2, 3, 4, 5]);
    expect(logits).toEqual(before);
  });
});

it('an error of whoever reads logits ends that prompt only', async () => {
  const reading = await scheduler.open(undefined, { client: 'a' });
  const other = await scheduler.open(undefined, { client: 'b' });
  const failing = reading.score([7, 8], async () => {
    throw new Error('no more');
  });
  await Promise.all([expect(failing).rejects.toThrow('no more'), other.append([7])]);
  reading.close();
  expect((await other.append([8])).length).toBe(scheduler.vocabulary);
});

it('a prompt that ends while its sequence is parked leaves no slot taken', async () => {
  const own = await Promise.all([1, 2, 3, 4].map(() => scheduler.open(undefined, { client: 'a' })));
  const parked = own.pop()!;
  await parked.score([7, 8], async () => {
    own.push(await scheduler.open(undefined, { client: 'b' })); // takes the slot of the last one
  });
  parked.close();
  await new Promise((resolve) => setTimeout(resolve));
  for (const sequence of own) sequence.close();
  await expect.poll(() => [scheduler.active, scheduler.waiting]).toEqual([0, 0]);
});
