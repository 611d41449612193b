import type { Dispatch } from '../../program/op.ts';
import type { Tensor } from '../../program/tensor.ts';
import { startSumKernel } from '../fill/kernel.wgsl.ts';
import { activations, elementKernel, overElements } from '../wgsl.ts';

type Optional = Tensor | undefined;

/**
 * xi, xf, h [batch, length, width], start and last [batch, width], bounds [layers, width]. One invocation walks
 * one column of one sequence from token to token. `last` may be the memory of `start`.
 */
export function mlgruForward(
  t: Record<'xi' | 'xf' | 'h' | 'last', Tensor> & Record<'start' | 'bounds', Optional>,
  layer: number,
): Dispatch {
  const [batch, length, width] = t.xi.shape as [number, number, number];
  return {
    shader: 'mlgruForward',
    code:
      activations +
      elementKernel(`
      let c = i % p.width;
      ${boundOf(t.bounds)}
      var state = ${t.start ? 'start[i]' : '0.0'};
      var at = i / p.width * p.length * p.width + c;
      for (var n = 0u; n < p.length; n++) {
        let f = bound + (1.0 - bound) * sigmoid(xf[at]);
        let x = xi[at];
        state = f * state + x * sigmoid(x) * (1.0 - f);
        h[at] = state;
        at += p.width;
      }
      last[i] = state;`),
    tensors: { ...t },
    numbers: { size: batch * width, length, width, layer },
    workgroups: overElements(batch * width),
  };
}

/**
 * di may be the memory of xi, df that of xf. `dStart` carries f_{t+1} ⊙ dh_{t+1} from token to token; it and
 * dBounds start with what they are added to, which keeps the number of bound tensors small.
 */
export function mlgruBackward(
  t: Record<'xi' | 'xf' | 'h' | 'di' | 'df' | 'dStart', Tensor> &
    Record<'start' | 'bounds' | 'dh' | 'dLast' | 'before' | 'dBounds', Optional>,
  layer: number,
): Dispatch[] {
  const { before, dLast, ...tensors } = t;
  const [batch, length, width] = t.xi.shape as [number, number, number];
  const lanes = Math.min(batch, 8);
  return [
    startSumKernel(t.dStart, dLast),
    ...(t.dBounds ? [startSumKernel(t.dBounds, before)] : []),
    {
      shader: 'mlgruBackward',
      code: activations + backwardCode(t, lanes),
      tensors,
      numbers: { batch, length, width, layer },
      workgroups: [Math.ceil(width / columnsOfGroup), 1, 1],
    },
  ];
}

/** Columns that a workgroup of the backward pass takes; its lanes share out the sequences. */
const columnsOfGroup = 32;

function backwardCode(t: Record<'start' | 'bounds' | 'dh' | 'dBounds', Optional>, lanes: number): string {
  return `
var<workgroup> parts: array<f32, ${columnsOfGroup * lanes}>;

@compute @workgroup_size(${columnsOfGroup}, ${lanes})
fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let c = group.x * ${columnsOfGroup}u + local.x;
  var dBound = 0.0;
  if (c < p.width) {
    ${boundOf(t.bounds)}
    for (var n = local.y; n < p.batch; n += ${lanes}u) {
      let i = n * p.width + c;
      var carried = dStart[i];
      for (var token = p.length; token > 0u; token--) {
        let at = (n * p.length + token - 1u) * p.width + c;
        let gate = sigmoid(xf[at]);
        let f = bound + (1.0 - bound) * gate;
        let x = xi[at];
        let s = sigmoid(x);
        let d = ${t.dh ? 'dh[at] + ' : ''}carried;
        var earlier = ${t.start ? 'start[i]' : '0.0'};
        if (token > 1u) { earlier = h[at - p.width]; }
        let dGate = d * (earlier - x * s);
        df[at] = dGate * (1.0 - bound) * (gate * (1.0 - gate));
        di[at] = d * (1.0 - f) * siluSlope(x, s);
        dBound += dGate * (1.0 - gate);
        carried = f * d;
      }
      dStart[i] = carried;
    }
  }
  ${t.dBounds ? sumOfBounds(lanes) : ''}
}`;
}

/** Every sequence has a share in the gradient of a column's bound. */
function sumOfBounds(lanes: number): string {
  return `
  parts[local.y * ${columnsOfGroup}u + local.x] = dBound;
  workgroupBarrier();
  if (local.y == 0u && c < p.width) {
    for (var n = 1u; n < ${lanes}u; n++) { dBound += parts[n * ${columnsOfGroup}u + local.x]; }
    dBounds[p.layer * p.width + c] += dBound;
  }`;
}

/** The lower bound of column \`c\`. */
const boundOf = (bounds: Optional) => `let bound = ${bounds ? 'bounds[p.layer * p.width + c]' : '0.0'};`;
