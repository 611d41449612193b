/** Activations to int8 in blocks of 32 inputs: see groupedLinear.ts. */
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { cutRow, overRows } from '../../kernels/webgpu/wgsl.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { int8Four } from '../bitLinear/quantise.wgsl.ts';
import { blockSize, smallest, unitParts } from './reference.ts';

/** x [rows, width] f32; q [rows, width] int8, four to a word; units [rows, blocks] i32; unit [rows] f32 */
export function roundRows(t: Record<'x' | 'q' | 'units' | 'unit', Tensor>): Dispatch {
  const [rows, width] = [rowsOf(t.x), widthOf(t.x)];
  const { fours, lanes } = cutRow(width, rows > 64 ? 4 : 1);
  return {
    shader: 'roundRows',
    code: `
const lanes = ${lanes}u;
var<workgroup> tops: array<f32, lanes>;

${int8Four}
@compute @workgroup_size(lanes)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  for (var row = group.x; row < p.rows; row += groups.x) {
    var top = 0.0;
    for (var at = lane; at < p.fours; at += lanes) { top = max(top, largestOf(x[row * p.fours + at])); }
    let largest = max(workgroupMax(top, lane), ${smallest});
    let one = largest / ${unitParts}.0;
    if (lane == 0u) { unit[row] = one; }
    for (var first = 0u; first < p.fours; first += lanes) {
      let at = first + lane;
      var four = vec4f();
      if (at < p.fours) { four = x[row * p.fours + at]; }
      tops[lane] = largestOf(four);
      workgroupBarrier();
      let start = lane & ~7u;
      var blockTop = tops[start];
      for (var k = 1u; k < 8u; k++) { blockTop = max(blockTop, tops[start + k]); }
      let m = min(floor(blockTop / (127.0 * one)) + 1.0, 4095.0);
      if (at < p.fours) {
        q[row * p.fours + at] = packed(rounded(four / (m * one)));
        if (lane == start) { units[row * p.blocks + at / 8u] = i32(m); }
      }
      workgroupBarrier();
    }
  }
}`,
    tensors: { x: t.x, q: t.q, units: t.units, unit: t.unit },
    types: { x: 'vec4f' },
    numbers: { rows, fours, blocks: Math.ceil(width / blockSize) },
    workgroups: overRows(rows),
  };
}
