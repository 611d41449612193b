import { describe, expect, it } from 'vitest';
import { type ModelConfig, namedConfig } from '../model/config.ts';
import { auditModel, auditTable } from './audit.ts';

const tiny: ModelConfig = {
  ...namedConfig('tiny', { vocabSize: 8 }),
  ...{ hiddenSize: 4, layers: 1, intermediateSize: 6 },
};

describe('auditModel', () => {
  it('counts what one can count by hand', () => {
    const { rows, total, transformer } = auditModel(tiny);
    const counts = Object.fromEntries(
      rows.map(({ op, calls, additions, multiplications, special }) => [
        op,
        [calls, additions, multiplications, special],
      ]),
    );
    expect(counts).toEqual({
      embedding: [1, 0, 0, 0],
      lowerBounds: [1, 3 * 4, 4, 4],
      rmsNorm: [3, 3 * 4, 3 * 12, 3],
      // norm, scaling to int8, an addition for each weight, a scale for each output: i, f, g, o; gate; down; head
      bitLinear: [
        7,
        4 * (4 + 16) + (4 + 48) + (6 + 24) + (4 + 32),
        4 * (12 + 4 + 4) + (12 + 4 + 12) + (18 + 6 + 4) + (12 + 4 + 8),
        7 * 2,
      ],
      mlgru: [1, 6 * 4, 5 * 4, 2 * 4],
      gatedNorm: [1, 4 + 4, 12 + 8, 1 + 4],
      add: [2, 2 * 4, 0, 0],
      swiglu: [1, 6, 12, 6],
    });
    expect(total).toMatchObject({ calls: 17, additions: 268, multiplications: 252, special: 40 });
    expect(total.productMultiplications).toBe(0);
    const weights = 4 * 16 + 3 * 4 * 6 + 8 * 4;
    expect(transformer).toMatchObject({ additions: weights, productMultiplications: weights });
  });

  it('counts bytes: packed matrices are most of what a large model reads', () => {
    const embedding = auditModel(tiny, 'f16').rows.find(({ op }) => op === 'embedding')!;
    expect([embedding.bytesRead, embedding.bytesWritten]).toEqual([4 + 4 * 2, 4 * 4]);
    const { total, transformer } = auditModel(namedConfig('370M'));
    expect(total.bytesRead).toBeGreaterThan(85.2e6);
    expect(total.bytesRead).toBeLessThan(90e6);
    expect(transformer.bytesRead / total.bytesRead).toBeGreaterThan(7);
  });

  it("counts RWKV-4's token mixer: three shifted texts, the recurrence, a gate", () => {
    const config = namedConfig('tiny', { architecture: 'rwkv', layers: 1, hiddenSize: 4, vocabSize: 8 });
    const { rows, total } = auditModel(config);
    const mixer = rows.filter(({ op }) => ['tokenShift', 'wkv', 'sigmoidGate'].includes(op));
    expect(
      mixer.map(({ op, calls, additions, multiplications, special }) => [
        op,
        calls,
        additions,
        multiplications,
        special,
      ]),
    ).toEqual([
      ['tokenShift', 3, 3 * 2 * 4, 3 * 4, 0],
      // two exponentials and a quotient for each entry, and the rate of decay
      ['wkv', 1, 8 * 4, 6 * 4, 3 * 4 + 4],
      ['sigmoidGate', 1, 4, 4, 4],
    ]);
    expect(total.productMultiplications).toBe(0);
  });

  it.each(['370M', '1.3B', '13B'] as const)('finds no multiplication in the products of %s', (name) => {
    expect(auditModel(namedConfig(name)).total.productMultiplications).toBe(0);
  });
});

it('the table is aligned', () => {
  const lines = auditTable(auditModel(namedConfig('370M')));
  const table = lines.slice(0, lines.indexOf(''));
  expect(table[0]).toMatch(/^per token +calls +\+ − +× +× in products/);
  expect(table.filter((line) => line.startsWith('─'))).toHaveLength(2);
  expect(new Set(table.slice(0, -2).map((line) => line.length)).size).toBe(1);
  expect(table.at(-2)).toMatch(/^total .* 0 /);
});
