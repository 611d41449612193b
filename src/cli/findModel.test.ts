import { cp, mkdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { golden, temporaryFolder } from '../checkpoint/testing.ts';
import { chosenModel } from './findModel.ts';

it('without --model: the bundled model, else the newest run', async () => {
  const folder = await temporaryFolder();
  const places = { runs: join(folder, 'runs'), models: join(folder, 'models') };
  const chosen = (model?: string) => chosenModel(model, 'plusminus/stories', places);
  await expect(chosen()).rejects.toThrow(
    /--model: none given, plusminus\/stories is not installed, .*npm install @plusminus\/models.*plusminus demo/,
  );
  expect(await chosen('given')).toBe('given');
  for (const name of ['old', 'new/model', 'newest.previous']) {
    await cp(golden, join(places.runs, name), { recursive: true });
  }
  // Times of copies can be equal.
  await utimes(join(places.runs, 'old', 'model.safetensors'), 1, 1);
  expect(await chosen()).toBe(join(places.runs, 'new/model'));
  await mkdir(places.models);
  await cp(golden, join(places.models, 'stories'), { recursive: true });
  expect(await chosen()).toBe('plusminus/stories');
  expect(await chosenModel(undefined, 'plusminus/chat', places)).toBe(join(places.runs, 'new/model'));
});
