import { expect, it } from 'vitest';
import { cpuEngines, gpuEngines, referenceEngine } from '../../../test/engines.ts';
import { bytesOf, readFloats } from '../../engine/engine.ts';
import { record } from '../../program/record.ts';
import { input, variable } from '../../program/tensor.ts';
import { pageSize } from '../pages.ts';
import { appendToPages } from './appendToPages.ts';

for (const { name, skip, create } of [referenceEngine, ...cpuEngines, ...gpuEngines]) {
  it.skipIf(skip)(`appendToPages fills a pool from run to run: ${name}`, async () => {
    const [poolPages, width, maxPages] = [4, 5, 2];
    const engine = await create();
    const pool = variable('pool', [poolPages, pageSize, width]);
    const rows = input('rows', [1, 3, width]);
    const slots = input('slots', [3], 'i32');
    const positions = input('positions', [3], 'i32');
    const pages = input('pages', [2, maxPages], 'i32');
    const executable = engine.load(
      record('append', () => void appendToPages(pool, rows, { slots, positions, pages })),
    );
    engine.write(pages, bytesOf(Int32Array.of(3, 1, 2, 0)));
    const expected = new Float32Array(poolPages * pageSize * width);
    const runs = [
      { of: [0, 0, 1], at: [0, 1, 63], to: [3 * 64, 3 * 64 + 1, 2 * 64 + 63] },
      { of: [0, 1, 1], at: [64, 64, 65], to: [64, 0, 1] },
    ];
    for (const [run, { of, at, to }] of runs.entries()) {
      const data = Float32Array.from({ length: 3 * width }, (_, i) => 100 * (run + 1) + i);
      for (const [r, row] of to.entries())
        expected.set(data.subarray(r * width, (r + 1) * width), row * width);
      engine.write(rows, bytesOf(data));
      engine.write(slots, bytesOf(Int32Array.from(of)));
      engine.write(positions, bytesOf(Int32Array.from(at)));
      await executable.run();
      expect(await readFloats(engine, pool)).toEqual(expected);
    }
    await engine.dispose();
  });
}
