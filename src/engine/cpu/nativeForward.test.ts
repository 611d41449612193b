/** Native kernels of what lies between products have the bits of the WebAssembly kernels, on every variant of this processor. */
import { describe, expect, it } from 'vitest';
import { nativeUnderTest } from '../../../test/engines.ts';
import { gatedUnit } from '../../ops/gatedUnit/gatedUnit.ts';
import { pagedAttention } from '../../ops/pagedAttention/pagedAttention.ts';
import { randomPool } from '../../ops/pagedAttention/testing.ts';
import type { PageType } from '../../ops/pages.ts';
import { rmsNorm } from '../../ops/rmsNorm/rmsNorm.ts';
import { output, record } from '../../program/record.ts';
import { input, type Tensor } from '../../program/tensor.ts';
import { SeededRandom } from '../../text/seededRandom.ts';
import { bytesOf, readFloats } from '../engine.ts';
import { CpuEngine, type CpuOptions } from './cpuEngine.ts';

interface Operand {
  readonly tensor: Tensor;
  readonly data: Float32Array | Int32Array | Uint16Array | Int8Array;
}

function noise(name: string, shape: readonly number[], seed: number): Operand {
  const tensor = input(name, shape);
  return { tensor, data: new SeededRandom(seed).fillNormal(new Float32Array(tensor.size)) };
}

function integers(name: string, shape: readonly number[], data: Int32Array): Operand {
  return { tensor: input(name, shape, 'i32'), data };
}

async function valuesOf(
  operands: readonly Operand[],
  compute: () => Tensor,
  native: CpuOptions['native'],
): Promise<Float32Array> {
  let y: Tensor | undefined;
  const program = record('forward', () => {
    y = output(compute());
  });
  const engine = await CpuEngine.create({ threads: 2, pieceWork: 1, poison: true, native });
  for (const { tensor, data } of operands) engine.write(tensor, bytesOf(data));
  await engine.load(program).run();
  const values = (await readFloats(engine, y!)).slice();
  await engine.dispose();
  return values;
}

/** Rows of three sequences: a chunk that ends within a page, a single token, the first tokens of a sequence. */
const slots = [...Array.from({ length: 40 }, () => 1), 0, ...Array.from({ length: 5 }, () => 2)];
const positions = [...Array.from({ length: 40 }, (_, i) => 100 + i), 190, 0, 1, 2, 3, 4];

/** Heads for each number of queries that kernels take together; sizes that are whole vectors, and that are not. */
const heads: readonly (readonly [heads: number, keyHeads: number, headSize: number])[] = [
  [2, 2, 128],
  [4, 2, 80],
  [6, 1, 12],
];

function attentionOf(type: PageType, [count, keyHeads, headSize]: (typeof heads)[number]) {
  const pool = { type, pages: 10, heads: keyHeads, headSize };
  const q = noise('q', [1, slots.length, count * headSize], 1);
  const [k, v] = [randomPool('k', pool, 2), randomPool('v', pool, 3)];
  const rows = integers('slots', [slots.length], Int32Array.from(slots));
  const places = integers('positions', [slots.length], Int32Array.from(positions));
  const pages = integers('pages', [3, 3], Int32Array.of(4, 1, 7, 2, 9, 3, 5, 0, 6));
  const paging = { slots: rows.tensor, positions: places.tensor, pages: pages.tensor };
  return {
    operands: [q, k, v, rows, places, pages],
    compute: () => pagedAttention({ q: q.tensor, k: k.tensor, v: v.tensor }, headSize, paging),
  };
}

const types: readonly PageType[] = ['f32', 'f16', 'i8'];
const attentionCases = types.flatMap((type) => heads.map((sizes) => [type, ...sizes] as const));

describe.each(nativeUnderTest)('native kernels, %s', (native) => {
  it.each(attentionCases)('attention over pages of %s, %i heads over %i of %i', async (type, ...sizes) => {
    const { operands, compute } = attentionOf(type, sizes);
    expect(await valuesOf(operands, compute, native)).toEqual(await valuesOf(operands, compute, false));
  });

  it.each([
    [1, 2048],
    [7, 36],
    [5, 21],
  ])('norms of %i × %i', async (rows, width) => {
    const [x, gamma] = [noise('x', [rows, width], 1), noise('gamma', [width], 2)];
    const compute = () => rmsNorm(x.tensor, gamma.tensor, 1e-6);
    const values = await valuesOf([x, gamma], compute, native);
    expect(values).toEqual(await valuesOf([x, gamma], compute, false));
  });

  it.each(['silu', 'relu2'] as const)('gated units, %s', async (activation) => {
    const [g, u] = [noise('g', [3, 77], 1), noise('u', [3, 77], 2)];
    const compute = () => gatedUnit(g.tensor, u.tensor, activation);
    expect(await valuesOf([g, u], compute, native)).toEqual(await valuesOf([g, u], compute, false));
  });
});
