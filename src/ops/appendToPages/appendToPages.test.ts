import { expect, it } from 'vitest';
import { compileProgram, compiler, everyCard } from '../../../test/cudaCompiler.ts';
import { cpuEngines, gpuEngines, referenceEngine } from '../../../test/engines.ts';
import { bytesOf, type Engine } from '../../engine/engine.ts';
import { record } from '../../program/record.ts';
import { input, type Tensor, variable } from '../../program/tensor.ts';
import { SeededRandom } from '../../text/seededRandom.ts';
import { loadRow, storeRow } from '../pageRows.ts';
import { type PageType, pageSize, poolWidth } from '../pages.ts';
import { appendToPages } from './appendToPages.ts';

const types: readonly PageType[] = ['f32', 'f16', 'i8'];
const [poolPages, maxPages, heads, headSize] = [4, 2, 2, 12];

for (const type of types) {
  for (const { name, skip, create } of [referenceEngine, ...cpuEngines, ...gpuEngines]) {
    it.skipIf(skip)(`appendToPages fills a pool of ${type} from run to run: ${name}`, async () => {
      const engine = await create();
      const { pool, rows, slots, positions, pages, program } = recorded(type);
      const executable = engine.load(program);
      engine.write(pages, bytesOf(Int32Array.of(3, 1, 2, 0)));
      const expected = emptyPool(pool);
      const runs = [
        { of: [0, 0, 1], at: [0, 1, 63], to: [3 * 64, 3 * 64 + 1, 2 * 64 + 63] },
        { of: [0, 1, 1], at: [64, 64, 65], to: [64, 0, 1] },
      ];
      for (const [run, { of, at, to }] of runs.entries()) {
        const data = rowsOfRun(run);
        const width = heads * headSize;
        for (const [r, row] of to.entries()) {
          const one = Float64Array.from(data.subarray(r * width, (r + 1) * width));
          storeRow(type, one, { heads, headSize, row }, expected);
        }
        engine.write(rows, bytesOf(data));
        engine.write(slots, bytesOf(Int32Array.from(of)));
        engine.write(positions, bytesOf(Int32Array.from(at)));
        await executable.run();
        const found = await readPool(engine, pool);
        for (let row = 0; row < poolPages * pageSize; row++) {
          const place = { heads, headSize, row };
          const [values, wanted] = [loadRow(type, found, place), loadRow(type, expected, place)];
          // A step of i8 is a quotient, which GPUs compute to a few units in the last place.
          const tolerance = type === 'i8' ? 1e-6 * Math.max(...wanted.map(Math.abs)) : 0;
          for (const [i, value] of values.entries())
            expect(Math.abs(value - wanted[i]!), `row ${row}, ${i}`).toBeLessThanOrEqual(tolerance);
        }
      }
      await engine.dispose();
    });
  }

  it.skipIf(!compiler)(
    `appendToPages has kernels for every NVIDIA card: ${type}`,
    { timeout: 300_000 },
    () => {
      for (const card of everyCard) compileProgram(recorded(type).program, card);
    },
  );
}

function recorded(type: PageType) {
  const pool = variable('pool', [poolPages, pageSize, poolWidth(type, heads, headSize)], type);
  const rows = input('rows', [1, 3, heads * headSize]);
  const slots = input('slots', [3], 'i32');
  const positions = input('positions', [3], 'i32');
  const pages = input('pages', [2, maxPages], 'i32');
  const program = record(
    'append',
    () => void appendToPages(pool, rows, headSize, { slots, positions, pages }),
  );
  return { pool, rows, slots, positions, pages, program };
}

/** Normal noise, with a head of zeros, and sizes that a half rounds to zero, to a subnormal, and to its largest. */
function rowsOfRun(run: number) {
  const data = new SeededRandom(run).fillNormal(new Float32Array(3 * heads * headSize));
  data.fill(0, 0, headSize);
  data.set([1e-9, 3e-6, -7e5, 65519, 6e-5], headSize);
  return data;
}

function emptyPool({ dtype, size }: Tensor) {
  if (dtype === 'f16') return new Uint16Array(size);
  return dtype === 'i8' ? new Int8Array(size) : new Float64Array(size);
}

async function readPool(engine: Engine, pool: Tensor) {
  const { buffer } = (await engine.read(pool)).slice();
  if (pool.dtype === 'f16') return new Uint16Array(buffer);
  return pool.dtype === 'i8' ? new Int8Array(buffer) : Float64Array.from(new Float32Array(buffer));
}
