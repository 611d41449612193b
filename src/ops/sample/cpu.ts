import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { scratch } from '../../kernels/scratch.ts';
import { sizeOf, widthOf } from '../../program/shapes.ts';
import { sampleOp } from './sample.ts';

/** Rows that are drawn at the same time: each takes memory. */
const rowsAtOnce = 8;

export const sampleOnCpu = [
  onCpu(sampleOp, ({ inputs, outputs }) => {
    const { logits, settings, uniforms, allowed } = inputs;
    const { turnAfter, seenAfter, tokensAfter, next, positionAfter } = outputs;
    const rows = inputs.turn.size;
    const maxPieces = Math.min(rows, rowsAtOnce);
    const sizes = { rows, width: widthOf(logits), ahead: sizeOf(uniforms, 1) };
    const roomBytes = drawBytes(sizes.width);
    const room = scratch('room to draw', [maxPieces, roomBytes / 4]);
    const call = kernelCall('sampleRows', {
      ...{ logits, settings, uniforms, allowed },
      ...{ turn: turnAfter, seen: seenAfter, tokens: tokensAfter, next, position: positionAfter },
      ...{ room, ...sizes, roomBytes },
    });
    return [{ ...call, maxPieces }];
  }),
];

/** Bytes that a draw needs: `roomBytes` of draw/draw.as.ts. */
function drawBytes(vocabulary: number): number {
  return Math.ceil(vocabulary / 64) * 64 * 24 + 64 * 8;
}
