/** An engine that is wrong is found out, op by op. */
import { describe, expect, it } from 'vitest';
import { type ComparedEngines, compareModel } from '../src/debug/compareModel.ts';
import { opsWithTolerance } from '../src/debug/tolerances.ts';
import { CpuEngine } from '../src/engine/cpu/cpuEngine.ts';
import { cpuLowerings } from '../src/engine/cpu/lowerings.ts';
import { createEngine, type EngineOptions } from '../src/engine/engines.ts';
import { ReferenceEngine } from '../src/engine/reference/referenceEngine.ts';
import { kernelCall } from '../src/kernels/cpu/kernelCall.ts';
import type { CpuLowering } from '../src/kernels/cpu/lowering.ts';
import { type ArchitectureName, architectureNames } from '../src/model/config.ts';
import { addOp } from '../src/ops/add/add.ts';
import { gatedNormOp } from '../src/ops/gatedNorm/gatedNorm.ts';
import type { Op } from '../src/program/op.ts';
import { describeOnGpu } from './engines.ts';
import { makeSmallModel } from './smallModel.ts';

const tokens = [3, 1, 4, 1, 5, 92, 65];
const createExpected = async () => new ReferenceEngine();

/** The CPU with another lowering of one op, made from the right one. */
function cpuWith(op: Op, change: (lowering: CpuLowering) => CpuLowering) {
  const lowerings = new Map([...cpuLowerings, [op, change(cpuLowerings.get(op)!)]]);
  return { create: () => CpuEngine.create({ threads: 1, lowerings }), createExpected };
}

const compareSmall = (architecture: ArchitectureName, engines: ComparedEngines) =>
  withSmallModel(architecture, (folder) => compareModel(folder, tokens, engines));

async function withSmallModel<T>(architecture: ArchitectureName, use: (folder: string) => Promise<T>) {
  const { folder, remove } = await makeSmallModel({ architecture });
  return use(folder).finally(remove);
}

describe('compareModel', () => {
  it.each(architectureNames)('finds no difference in %s on the CPU', async (architecture) => {
    const create = () => CpuEngine.create({ threads: 2 });
    const { first, ops, usualLogits } = await compareSmall(architecture, { create, createExpected });
    expect(first).toBeUndefined();
    expect(usualLogits).toEqual({ largest: 0, first: undefined });
    expect(ops.map(({ op }) => op)).toContain('embedding');
    for (const { outputs, exceeding, largest, tolerance } of ops) {
      expect(outputs).toBeGreaterThan(0);
      expect(exceeding).toBe(0);
      expect(largest).toBeLessThanOrEqual(tolerance);
    }
  });

  it('names the op whose kernel is wrong, and no other', async () => {
    const wrong = cpuWith(
      gatedNormOp as Op,
      (lowering) => (call) => lowering({ ...call, attributes: { epsilon: 0.5 } }),
    );
    const { first, ops } = await compareSmall('matmul-free', wrong);
    expect(first).toMatchObject({
      ...{ op: 'gatedNorm', output: 'y', program: '4 tokens, logits of all' },
      parameters: ['model.layers.0.attn.g_norm.weight'],
    });
    const { index, found, expected } = first!.first!;
    expect(index).toBeGreaterThanOrEqual(0);
    expect(Math.abs(found)).toBeLessThan(Math.abs(expected));
    expect(ops.filter(({ exceeding }) => exceeding > 0).map(({ op }) => op)).toEqual(['gatedNorm']);
  });

  it('sees a kernel that writes no number', async () => {
    const nan = cpuWith(addOp as Op, () => ({ outputs: { y } }) => [
      kernelCall('fillForward', { y: y!, size: y!.size, value: Number.NaN }),
    ]);
    const { first } = await compareSmall('matmul-free', nan);
    expect(first).toMatchObject({ op: 'add', largest: Number.POSITIVE_INFINITY, first: { index: 0 } });
    expect(first!.first!.found).toBeNaN();
  });

  it('sees what goes wrong only where memory is shared', async () => {
    // Writes its output before it reads its input, over which it may be placed.
    const early = cpuWith(addOp as Op, (lowering) => (call) => {
      const y = call.outputs.y!;
      return [kernelCall('fillForward', { y, size: y.size, value: 0 }), ...lowering(call)];
    });
    const { first, usualLogits } = await compareSmall('matmul-free', early);
    expect(first).toBeUndefined();
    expect(usualLogits.first).toBeDefined();
  });
});

it('tolerances are of ops that there are', () => {
  const names = new Set([...cpuLowerings.keys()].map(({ name }) => name));
  expect(opsWithTolerance.filter((name) => !names.has(name))).toEqual([]);
});

describeOnGpu('compareModel on webgpu', () => {
  it('finds no difference', async () => {
    const create = (options: EngineOptions) => createEngine('webgpu', options);
    const { first, usualLogits } = await compareSmall('matmul-free', { create, createExpected });
    expect(first).toBeUndefined();
    expect(usualLogits.first).toBeUndefined();
  });
});
