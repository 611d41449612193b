import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { CpuEngine } from '../engine/cpu/cpuEngine.ts';
import { loadIntoEngine } from '../loadModel.ts';
import { sequenceReader } from './readers.ts';
import { Turns } from './turns.ts';

const tokens = [5, 17, 80, 3, 44];
const create = () => CpuEngine.create({ threads: 0 });

it.each(['llama-tiny', 'mmfree-tiny'])('%s writes logits into an array that is given', async (name) => {
  const folder = fileURLToPath(new URL(`../../test/fixtures/golden/${name}`, import.meta.url));
  const parts = await loadIntoEngine(folder, create, {});
  const reader = sequenceReader({ ...parts, vocabulary: 96, turns: new Turns() });
  const expected = await reader.run(tokens, reader.newState(), 'last');
  const into = new Float32Array(96);
  expect(await reader.run(tokens, reader.newState(), 'last', undefined, into)).toBe(into);
  expect(into).toEqual(expected);
  const state = reader.newState();
  const short = reader.run(tokens, state, 'all', undefined, into);
  await expect(short).rejects.toThrow('into: found 96 numbers, expected 480');
  expect(state).toEqual(reader.newState());
  await parts.engine.dispose();
});
