import type { Dispatch } from '../program/op.ts';
import type { Tensor } from '../program/tensor.ts';
import { elementKernel, overElements, scratch } from './wgsl.ts';

export interface ColumnSums {
  readonly shader: string;
  readonly rows: number;
  readonly width: number;
  /** WGSL of the term of row `row`, column `c` and element `i`. */
  readonly term: string;
  /** What `term` reads. */
  readonly tensors: Readonly<Record<string, Tensor | undefined>>;
  /** The sums, [width], and what they are added to; `first` is the column of `y` that column 0 goes to. */
  readonly y: Tensor;
  readonly before?: Tensor | undefined;
  readonly first?: number;
}

/** Columns of a workgroup, and lanes that share out its rows. */
const [columns, lanes] = [32, 8];
/** A workgroup sums at least this many rows. */
const leastRows = 64;
const mostParts = 256;

/** y = before + Σ over rows, in two stages: parts of the rows side by side, then the parts, always the same ones. */
export function columnSums(t: ColumnSums): Dispatch[] {
  const parts = Math.min(Math.max(Math.ceil(t.rows / leastRows), 1), mostParts);
  const sums = scratch(`${t.shader}.parts`, [parts, t.width]);
  const { rows, width, first = 0 } = t;
  return [
    {
      shader: t.shader,
      code: `
var<workgroup> laneSums: array<f32, ${columns * lanes}>;

@compute @workgroup_size(${columns}, ${lanes})
fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let c = group.x * ${columns}u + local.x;
  var sum = 0.0;
  if (c < p.width) {
    let end = min((group.y + 1u) * p.stretch, p.rows);
    for (var row = group.y * p.stretch + local.y; row < end; row += ${lanes}u) {
      let i = row * p.width + c;
      sum += ${t.term};
    }
  }
  laneSums[local.y * ${columns}u + local.x] = sum;
  workgroupBarrier();
  if (local.y == 0u && c < p.width) {
    for (var k = 1u; k < ${lanes}u; k++) { sum += laneSums[k * ${columns}u + local.x]; }
    sums[group.y * p.width + c] = sum;
  }
}`,
      tensors: { ...t.tensors, sums },
      numbers: { rows, width, stretch: Math.ceil(rows / parts) },
      workgroups: [Math.ceil(width / columns), parts, 1],
    },
    {
      shader: `${t.shader}Total`,
      code: elementKernel(`
    var total = ${t.before ? 'before[p.first + i]' : '0.0'};
    for (var part = 0u; part < p.parts; part++) { total += sums[part * p.size + i]; }
    y[p.first + i] = total;`),
      tensors: { sums, before: t.before, y: t.y },
      numbers: { size: width, parts, first },
      workgroups: overElements(width),
    },
  ];
}
