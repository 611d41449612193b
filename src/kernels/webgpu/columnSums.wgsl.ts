import type { Tensor } from '../../program/tensor.ts';
import { scratch } from '../scratch.ts';
import type { Dispatch } from './dispatch.ts';

export interface ColumnSums {
  readonly shader: string;
  readonly rows: number;
  readonly width: number;
  /** WGSL of the term of row `row`, column `c` and element `i`. */
  readonly term: string;
  /** The tensors that `term` reads. */
  readonly tensors: Readonly<Record<string, Tensor | undefined>>;
  /** The sums [width] and the tensor that they are added to; `first` is the column of `y` for column 0. */
  readonly y: Tensor;
  readonly before?: Tensor | undefined;
  readonly first?: number;
}

/** Columns of a workgroup, and lanes that share its rows: for many rows, and for the sums of their parts. */
const ofRows = { columns: 32, lanes: 8 };
const ofParts = { columns: 8, lanes: 32 };
/** Minimum rows of a workgroup. */
const minRows = 64;
const maxParts = 256;

/** y = before + Σ over rows, in two stages: parts of the rows in parallel, then the parts, always the same ones. */
export function columnSums(t: ColumnSums): Dispatch[] {
  const parts = Math.min(Math.max(Math.ceil(t.rows / minRows), 1), maxParts);
  const sums = scratch(`${t.shader}.parts`, [parts, t.width]);
  const { rows, width, first = 0 } = t;
  return [
    {
      shader: t.shader,
      code: workgroupColumns(ofRows, {
        rows: ['group.y * p.stretch + local.y', 'min((group.y + 1u) * p.stretch, p.rows)'],
        term: t.term,
        store: 'sums[group.y * p.width + c] = sum;',
      }),
      tensors: { ...t.tensors, sums },
      numbers: { rows, width, stretch: Math.ceil(rows / parts) },
      workgroups: [Math.ceil(width / ofRows.columns), parts, 1],
    },
    columnTotals(t.shader, sums, [{ y: t.y, before: t.before }], first),
  ];
}

/** A sum [width], and the tensor that it is added to. */
export interface Sum {
  readonly y: Tensor;
  readonly before: Tensor | undefined;
}

/** Sums over rows, one for each plane of parts [planes, rows, width], in one stage: for few rows. */
export function columnTotals(shader: string, parts: Tensor, sums: readonly Sum[], first = 0): Dispatch {
  const [rows, width] = parts.shape.slice(-2) as [number, number];
  const store = ({ before }: Sum, plane: number) =>
    `if (group.z == ${plane}u) { y${plane}[p.first + c] = sum${before ? ` + before${plane}[p.first + c]` : ''}; }`;
  return {
    shader: `${shader}Total`,
    code: workgroupColumns(ofParts, {
      rows: ['local.y', 'p.rows'],
      term: 'parts[group.z * p.rows * p.width + i]',
      store: sums.map(store).join(' '),
    }),
    tensors: {
      parts,
      ...Object.fromEntries(
        sums.flatMap(({ y, before }, plane) => [
          [`y${plane}`, y],
          [`before${plane}`, before],
        ]),
      ),
    },
    numbers: { width, rows, first },
    workgroups: [Math.ceil(width / ofParts.columns), 1, sums.length],
  };
}

/** A workgroup sums its columns over the rows from `rows[0]` to before `rows[1]`, lanes taking turns. */
function workgroupColumns(
  { columns, lanes }: typeof ofRows,
  {
    rows: [from, to],
    term,
    store,
  }: {
    rows: readonly [string, string];
    term: string;
    store: string;
  },
): string {
  return `
var<workgroup> laneSums: array<f32, ${columns * lanes}>;

@compute @workgroup_size(${columns}, ${lanes})
fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let c = group.x * ${columns}u + local.x;
  var sum = 0.0;
  if (c < p.width) {
    let end = ${to};
    for (var row = ${from}; row < end; row += ${lanes}u) {
      let i = row * p.width + c;
      sum += ${term};
    }
  }
  laneSums[local.y * ${columns}u + local.x] = sum;
  workgroupBarrier();
  if (local.y == 0u && c < p.width) {
    for (var k = 1u; k < ${lanes}u; k++) { sum += laneSums[k * ${columns}u + local.x]; }
    ${store}
  }
}`;
}
