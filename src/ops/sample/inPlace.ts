import type { CallOf } from '../../program/op.ts';
import type { sampleOp } from './sample.ts';

type Call = CallOf<typeof sampleOp>;

/** The operands of the GPUs' kernels, which update variables in place: before and after are one memory. */
export function inPlace({
  turnAfter: _turn,
  seenAfter: _seen,
  tokensAfter: _tokens,
  positionAfter: _position,
  ...tensors
}: Call['inputs'] & Call['outputs']) {
  return tensors;
}
