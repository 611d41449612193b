import { describe, expect, it } from 'vitest';
import { cpuEngines, gpuEngines, referenceEngine } from '../../../test/engines.ts';
import { bytesOf, readFloats } from '../../engine/engine.ts';
import { record } from '../../program/record.ts';
import { input, variable } from '../../program/tensor.ts';
import { appendRows } from './appendRows.ts';

describe('appendRows', () => {
  for (const { name, skip, create } of [referenceEngine, ...cpuEngines, ...gpuEngines]) {
    it.skipIf(skip)(`fills a cache from run to run: ${name}`, async () => {
      const [capacity, length, width] = [7, 3, 5];
      const engine = await create();
      const cache = variable('cache', [1, capacity, width]);
      const rows = input('rows', [1, length, width]);
      const first = input('first', [1], 'i32');
      const executable = engine.load(record('append', () => void appendRows(cache, rows, first)));
      const expected = new Float32Array(capacity * width);
      for (const [at, start] of [0, 3, 4].entries()) {
        const data = Float32Array.from({ length: length * width }, (_, i) => 100 * (at + 1) + i);
        expected.set(data, start * width);
        engine.write(rows, bytesOf(data));
        engine.write(first, bytesOf(Int32Array.of(start)));
        await executable.run();
        expect(await readFloats(engine, cache)).toEqual(expected);
      }
      await engine.dispose();
    });
  }
});
