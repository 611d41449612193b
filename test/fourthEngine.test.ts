/** Engines are plug-ins: a new one is a file and a line in a table, and models run on it as on any other. */
import { describe, expect, it } from 'vitest';
import { CpuEngine } from '../src/engine/cpu/cpuEngine.ts';
import { cpuLowerings } from '../src/engine/cpu/lowerings.ts';
import { createEngine, engines } from '../src/engine/engines.ts';
import { LanguageModel } from '../src/languageModel.ts';
import { loadIntoEngine } from '../src/loadModel.ts';
import { mlgruOp } from '../src/ops/mlgru/mlgru.ts';
import { echo } from './echoEngine.ts';
import { golden } from './smallModel.ts';

const table = { ...engines, echo };
const tokens = [3, 1, 4, 1, 5, 92, 65, 35];

describe('a fourth engine', () => {
  it('runs a model once it stands in the table', async () => {
    const parts = await loadIntoEngine(golden, () => createEngine('echo', {}, table), {});
    await using model = new LanguageModel(parts);
    expect(model.engine).toBe('echo (repeats the reference engine)');
    await using reference = await LanguageModel.load(golden, { engine: 'reference' });
    expect(await model.forward(tokens)).toEqual(await reference.forward(tokens));
  });

  it.each(['echo', 'constructor'])('is refused as %s where it does not', async (engine) => {
    const message = `engine: found "${engine}", expected auto, cpu, webgpu, cuda, reference`;
    await expect(createEngine(engine)).rejects.toThrow(message);
    await expect(LanguageModel.load(golden, { engine: engine as 'cpu' })).rejects.toThrow(message);
  });

  it('names an op that it lacks when a program is loaded', async () => {
    const lowerings = new Map([...cpuLowerings].filter(([op]) => op !== mlgruOp));
    const parts = await loadIntoEngine(golden, () => CpuEngine.create({ threads: 0, lowerings }), {});
    await using model = new LanguageModel(parts);
    await expect(model.forward(tokens)).rejects.toThrow(/the cpu engine has no lowering for mlgru;/);
  });
});
