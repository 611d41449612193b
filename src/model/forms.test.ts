/** Forms of models for comparisons: matrices of floats, and attention with ternary queries and keys. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cpuEngines } from '../../test/engines.ts';
import { bfloatTolerance, expectClose, roundsGradients } from '../../test/opSuite.ts';
import { bytesOf, type Engine, readFloats } from '../engine/engine.ts';
import { ReferenceEngine } from '../engine/reference/referenceEngine.ts';
import { attentionOp } from '../ops/attention/attention.ts';
import { crossEntropy } from '../ops/crossEntropy/crossEntropy.ts';
import { gradients } from '../ops/gradients.ts';
import { output, record } from '../program/record.ts';
import { input, type Tensor } from '../program/tensor.ts';
import { initialise } from '../run/initialise.ts';
import { sequenceReader } from '../run/readers.ts';
import { Turns } from '../run/turns.ts';
import { SeededRandom } from '../text/seededRandom.ts';
import { architectureOf, lastHidden } from './architecture.ts';
import { type ConfigOptions, namedConfig } from './config.ts';
import { Weights } from './weights.ts';

const vocabSize = 40;
const sizes = { vocabSize, layers: 2, hiddenSize: 32, intermediateSize: 48 };
const tokens = Int32Array.from({ length: 24 }, (_, i) => (i * i + 3) % vocabSize);

const forms: readonly (readonly [name: string, form: ConfigOptions])[] = [
  ['MatMul-free, floats', { weights: 'float' }],
  ["MatMul-free, the paper's form, floats", { weights: 'float', variant: 'paper' }],
  ['RWKV-4, floats', { weights: 'float', architecture: 'rwkv' }],
  ['BitNet, floats', { weights: 'float', architecture: 'bitnet' }],
  // With float weights: int8 activations near the middle of two values would round otherwise in float32.
  ['BitNet, floats, ternary scores', { weights: 'float', scores: 'ternary', architecture: 'bitnet' }],
];

/** The loss of two sequences and its gradients by parameter name, with weights moved along noise. */
async function run(engine: Engine, form: ConfigOptions, move = 0) {
  const architecture = architectureOf(namedConfig('tiny', { ...sizes, ...form }));
  const specs = architecture.parameters();
  const weights = new Weights(specs, 'training');
  initialise(engine, specs, weights, 3);
  let slope = 0;
  const noise = new SeededRandom(5);
  const directions = new Map<string, Float32Array>();
  for (const { name } of specs) {
    const tensor = weights.get(name);
    const values = await readFloats(engine, tensor);
    const direction = noise.fillNormal(new Float32Array(values.length));
    directions.set(name, direction);
    engine.write(tensor, bytesOf(values.map((value, i) => value + move * direction[i]!)));
  }
  const [ids, labels] = [input('ids', [2, 12], 'i32'), input('labels', [2, 12], 'i32')];
  const found = new Map<string, Tensor>();
  const program = record('loss', () => {
    const logits = architecture.head(weights, lastHidden(architecture.forward(weights, ids)));
    const loss = crossEntropy(logits, labels);
    found.set('loss', output(loss));
    for (const [weight, gradient] of gradients(loss, weights.all())) found.set(weight.name, output(gradient));
  });
  engine.write(ids, bytesOf(tokens));
  engine.write(labels, bytesOf(tokens.map((id) => (id + 7) % vocabSize)));
  await engine.load(program).run();
  const values = new Map<string, Float32Array>();
  for (const [name, tensor] of found) values.set(name, await readFloats(engine, tensor));
  for (const [name, gradient] of values)
    directions.get(name)?.forEach((value, i) => {
      slope += value * gradient[i]!;
    });
  return { program, values, slope, loss: values.get('loss')![0]! };
}

describe.each(forms)('%s', (_, form) => {
  // GPUs run the same ops, and each op's suite holds them to its reference.
  describe.each(cpuEngines.filter(({ skip }) => !skip))('on $name', ({ create }) => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await create();
    });
    afterAll(() => engine?.dispose());

    it('has the loss and the gradients of the reference', async () => {
      const expected = await run(new ReferenceEngine(), form);
      const { values } = await run(engine, form);
      // Roundings of several products add up.
      const ofGradients = roundsGradients(engine) ? 2 * bfloatTolerance : 2e-4;
      for (const [name, value] of expected.values)
        expectClose(name, values.get(name)!, value, name === 'loss' ? 2e-4 : ofGradients);
    });
  });

  // Rounding has no slope, and its gradients go straight through.
  it.skipIf(form.scores === 'ternary')('has gradients that finite differences confirm', async () => {
    const lossAt = async (move: number) => (await run(new ReferenceEngine(), form, move)).loss;
    const difference = async (step: number) => ((await lossAt(step)) - (await lossAt(-step))) / (2 * step);
    const step = 2e-4;
    // Of two steps, so that the third derivative cancels; losses near 4 are read in float32, to 2.4e-7.
    const slope = (4 * (await difference(step / 2)) - (await difference(step))) / 3;
    expect(Math.abs(slope - (await run(new ReferenceEngine(), form)).slope)).toBeLessThan(
      0.01 * Math.abs(slope),
    );
  });
});

describe('ternary scores', () => {
  const form = { architecture: 'bitnet', scores: 'ternary' } as const;

  it('give attention queries and keys of three values a head', async () => {
    const engine = new ReferenceEngine();
    const { program } = await run(engine, form);
    const attentions = program.calls.filter(({ op }) => op.name === attentionOp.name);
    expect(attentions).toHaveLength(sizes.layers);
    for (const { inputs } of attentions) {
      for (const operand of [inputs.q!, inputs.k!]) {
        const maker = program.calls.find(({ outputs }) => Object.values(outputs).includes(operand));
        expect(maker?.op.name).toBe('fakeQuantiseGroups');
      }
    }
  });

  it('are the same whether a text is read at once or token by token', async () => {
    const engine = await cpuEngines[0]!.create();
    const architecture = architectureOf(namedConfig('tiny', { ...sizes, ...form }));
    const weights = new Weights(architecture.parameters(), 'training');
    initialise(engine, architecture.parameters(), weights, 3);
    const model = { engine, architecture, weights, vocabulary: vocabSize, turns: new Turns() };
    const reader = sequenceReader(model);
    const read = async (pieces: readonly (readonly number[])[]) => {
      const state = reader.newState();
      const logits: number[] = [];
      for (const piece of pieces) logits.push(...(await reader.run(piece, state, 'all')));
      return Float32Array.from(logits);
    };
    const text = [...tokens.subarray(0, 9)];
    expectClose('logits', await read(text.map((id) => [id])), await read([text]), 1e-5);
    await engine.dispose();
  });
});

it('forms that an architecture does not have are refused', () => {
  expect(() => namedConfig('tiny', { scores: 'ternary' })).toThrow('which does not attend');
  expect(() => namedConfig('tiny', { architecture: 'llama', weights: 'ternary' })).toThrow(
    'weights: found ternary, expected float for llama',
  );
});
