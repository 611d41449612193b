/** Which calls of a token become one, on every GPU. */
import { expect, it } from 'vitest';
import { architectureOf } from '../../model/architecture.ts';
import { namedConfig } from '../../model/config.ts';
import { Weights } from '../../model/weights.ts';
import { callOfOp } from '../../program/op.ts';
import { recordStep, stepMemory } from '../../run/steps.ts';
import { fuse, fusedProjectionsOp } from './fuse.ts';

const suits = () => true;
const all = { suitsProjections: suits, suitsQuantising: suits, suitsGradient: suits, suitsGrouped: suits };

// A projection recorded elsewhere between the others would cost a block three launches more, unnoticed.
it('a token of the released model takes four calls a block, and one for the head', () => {
  const architecture = architectureOf(namedConfig('mini', { layers: 3 }));
  const model = { architecture, weights: new Weights(architecture.parameters(), 'inference') };
  const { program } = recordStep(model, stepMemory(architecture, 1), 1, 'last');
  const fused = fuse(program, { ...all, partsOf: () => 1 }).calls.map((call) => {
    const projections = callOfOp(call, fusedProjectionsOp)?.attributes.projections;
    return projections ? `${projections.prologue.kind} → ${projections.epilogue.kind}` : call.op.name;
  });
  const block = ['rmsNorm → mlgru', 'gatedNorm → add', 'rmsNorm → swiglu', 'none → add'];
  expect(fused).toEqual(['lowerBounds', 'embedding', ...block, ...block, ...block, 'rmsNorm → none']);
});
