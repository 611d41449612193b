/** What the host sees of a program while it runs: parts of variables at marks, on every engine. */
import { describe, expect, it } from 'vitest';
import { bytesOf, readFloats } from '../src/engine/engine.ts';
import { ReferenceEngine } from '../src/engine/reference/referenceEngine.ts';
import { architectureOf } from '../src/model/architecture.ts';
import { namedConfig } from '../src/model/config.ts';
import { Weights } from '../src/model/weights.ts';
import { add } from '../src/ops/add/add.ts';
import { crossEntropy } from '../src/ops/crossEntropy/crossEntropy.ts';
import { fill } from '../src/ops/fill/fill.ts';
import { gradients } from '../src/ops/gradients.ts';
import { planMemory } from '../src/program/plan.ts';
import { assign, mark, output, record } from '../src/program/record.ts';
import { input, part, type Tensor, variable } from '../src/program/tensor.ts';
import { cpuEngines, type EngineUnderTest, gpuEngines } from './engines.ts';

const reference: EngineUnderTest = {
  name: 'reference',
  skip: false,
  create: async () => new ReferenceEngine(),
};

describe.each([reference, ...cpuEngines, ...gpuEngines])('marks on $name', ({ skip, create }) => {
  it.skipIf(skip)('show what was assigned before them, while the rest continues', async () => {
    const engine = await create();
    const whole = variable('whole', [128 + 3]);
    const parts = [part(whole, 0, [2, 10], 'first'), part(whole, 128, [3], 'second')];
    const seen: Promise<Float32Array>[] = [];
    let sum: Tensor | undefined;
    const program = record('two parts', () => {
      const ones = fill([2, 10], 1);
      assign(parts[0]!, add(ones, fill([2, 10], 2)));
      expect(mark()).toBe(0);
      const twos = fill([3], 2);
      assign(parts[1]!, add(twos, twos));
      sum = output(add(ones, ones));
      expect(mark()).toBe(1);
    });
    engine.write(whole, bytesOf(new Float32Array(131).fill(9)));
    const executable = engine.load(program);
    const marks: number[] = [];
    await executable.run([], (reached) => {
      marks.push(reached);
      seen.push(readFloats(engine, whole).then((floats) => floats.slice()));
    });
    expect(marks).toEqual([0, 1]);
    const [atFirst, atSecond] = await Promise.all(seen);
    const expected = (last: number) => [...Array(20).fill(3), ...Array(108).fill(9), ...Array(3).fill(last)];
    expect([...atFirst!]).toEqual(expected(9));
    expect([...atSecond!]).toEqual(expected(4));
    expect([...(await readFloats(engine, sum!))]).toEqual(Array(20).fill(2));
    expect([...(await readFloats(engine, parts[1]!))]).toEqual([4, 4, 4]);
    engine.write(parts[1]!, bytesOf(Float32Array.of(7)), 4);
    expect([...(await readFloats(engine, whole))].slice(126)).toEqual([9, 9, 4, 7, 4]);
    await executable.run(); // marks are for whoever asks
    expect([...(await readFloats(engine, whole))].slice(126)).toEqual([9, 9, 4, 4, 4]);
    await engine.dispose();
  });
});

describe('parts', () => {
  it('lie within a variable, from a multiple of 64 elements on', () => {
    const whole = variable('whole', [100]);
    for (const [offset, size] of [
      [64, 37],
      [-64, 1],
      [32, 1],
    ] as const) {
      expect(() => part(whole, offset, [size], 'p')).toThrow(/part p: f32.*expected it within whole/);
    }
    expect(() => part(part(whole, 0, [10], 'p'), 0, [1], 'q')).toThrow(/expected a whole f32 variable/);
    expect(part(whole, 64, [36], 'p').storage).toBe(whole);
  });

  it('count once for the memory of what they lie in', () => {
    const whole = variable('whole', [128]);
    const program = record('both', () => {
      output(add(part(whole, 0, [64], 'a'), part(whole, 64, [64], 'b')));
    });
    expect(planMemory(program).persistentBytes).toBe(512);
  });
});

describe('gradients', () => {
  it('are complete once each, and nothing is added to them afterwards', () => {
    const config = {
      ...namedConfig('tiny', { vocabSize: 30 }),
      hiddenSize: 32,
      layers: 3,
      intermediateSize: 48,
    };
    const architecture = architectureOf(config);
    const specs = architecture.parameters();
    const weights = new Weights(specs, 'training');
    const parameters = specs.map(({ name }) => weights.get(name));
    const complete = new Map<Tensor, Tensor>();
    const order: string[] = [];
    record('two passes', () => {
      let sums = new Map<Tensor, Tensor>();
      for (const pass of [0, 1]) {
        const [ids, labels] = [input('ids', [1, 8], 'i32'), input('labels', [1, 8], 'i32')];
        const { hidden } = architecture.forward(weights, ids);
        const loss = crossEntropy(architecture.head(weights, hidden.at(-1)!), labels);
        sums = gradients(loss, parameters, {
          sums,
          onComplete: (tensor, gradient) => {
            if (pass === 0) return;
            expect(complete.has(tensor)).toBe(false);
            complete.set(tensor, gradient);
            order.push(tensor.name);
          },
        });
      }
      expect(complete).toEqual(sums);
      expect(complete.size).toBe(specs.length);
    });
    // As backward produces them: the head first, the embedding last.
    expect(order[0]).toMatch(/^lm_head/);
    expect(order.slice(-3)).toContain('model.embeddings.weight');
    expect(order.indexOf('model.layers.2.mlp.down_proj.weight')).toBeLessThan(
      order.indexOf('model.layers.1.mlp.down_proj.weight'),
    );
  });
});
