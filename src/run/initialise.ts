/** New parameters: each from its own stream of the seed, so that one more parameter changes no other. */
import { bytesOf, type Engine } from '../engine/engine.ts';
import { fillFixed, type ParameterSpec } from '../model/parameters.ts';
import type { Weights } from '../model/weights.ts';
import { SeededRandom } from '../text/seededRandom.ts';

/** Fills the f32 parameters of a model in training mode. */
export function initialise(
  engine: Engine,
  specs: readonly ParameterSpec[],
  weights: Weights,
  seed: number,
): void {
  const seeds = new SeededRandom(seed);
  for (const { name, init } of specs) {
    const tensor = weights.get(name);
    const data = new Float32Array(tensor.size);
    const own = new SeededRandom(seeds.uint32());
    if ('normal' in init) own.fillNormal(data, init.normal);
    else fillFixed(data, init);
    engine.write(tensor, bytesOf(data));
  }
}
