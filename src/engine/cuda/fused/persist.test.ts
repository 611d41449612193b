/** The kernels of a token: those that stay on the card, as many as their parameters need, and nothing before them. */
import { expect, it } from 'vitest';
import { compileProgram, compiler, everyCard } from '../../../../test/cudaCompiler.ts';
import { architectureOf } from '../../../model/architecture.ts';
import { namedConfig } from '../../../model/config.ts';
import { Weights } from '../../../model/weights.ts';
import { recordStep, stepMemory } from '../../../run/steps.ts';
import { parameterBytesOf } from '../driver.ts';
import { planSteps } from '../steps.ts';
import { fuse } from './fuse.ts';

const [, hopper] = everyCard;

/** A token of a narrow model with as many blocks as 370M has. */
function token() {
  const architecture = architectureOf(namedConfig('mini', { vocabSize: 512, layers: 24 }));
  const weights = new Weights(architecture.parameters(), 'inference');
  return recordStep({ architecture, weights }, stepMemory(architecture, 1), 1, 'last').program;
}

it.for<[number, string[]]>([
  [12, ['stages.5', 'stages.4', 'stages.5']],
  [13, ['stages.6']],
])('a token of 24 blocks, CUDA %i: %j', ([cudaMajor, kernels]) => {
  const features = { ...hopper!, parameterBytes: parameterBytesOf(cudaMajor) };
  const { steps } = planSteps(fuse(token(), features), features);
  expect(steps.map((step) => 'kernel' in step && step.kernel)).toEqual(kernels);
});

it.skipIf(!compiler)('compiles with as many parameters', { timeout: 120_000 }, () => {
  expect(compileProgram(token(), hopper!).length).toBeGreaterThan(0);
});
