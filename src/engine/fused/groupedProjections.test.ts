import { describe, expect, it } from 'vitest';
import { everyCard } from '../../../test/cudaCompiler.ts';
import { noise, type OpCase, opCase, testOp } from '../../../test/opSuite.ts';
import type { GpuFeatures } from '../../kernels/webgpu/dispatch.ts';
import { add } from '../../ops/add/add.ts';
import { appendToPages } from '../../ops/appendToPages/appendToPages.ts';
import { gatedUnit } from '../../ops/gatedUnit/gatedUnit.ts';
import { groupedLinear } from '../../ops/groupedLinear/groupedLinear.ts';
import { randomMatrix } from '../../ops/groupedLinear/testing.ts';
import { pagedAttention } from '../../ops/pagedAttention/pagedAttention.ts';
import { pageSize } from '../../ops/pages.ts';
import { rmsNorm } from '../../ops/rmsNorm/rmsNorm.ts';
import { rotary, rotaryTable } from '../../ops/rotary/rotary.ts';
import { record } from '../../program/record.ts';
import { input, type Tensor, variable } from '../../program/tensor.ts';
import { fuse as fuseForCuda } from '../cuda/fused/fuse.ts';
import { fuse } from '../webgpu/fused/fuse.ts';

const device: GpuFeatures = { int8Matrices: false, halfMatrices: false, subgroupSize: 32, maxBindings: 10 };
const [heads, keyHeads, headSize, epsilon] = [4, 2, 16, 1e-6];

interface Form {
  readonly rows: number;
  readonly width: number;
  readonly type: 'ternary' | 'binary';
  readonly group: number;
  /** Whether heads of queries and keys are normalised. */
  readonly norms: boolean;
  readonly pool: 'f32' | 'f16' | 'i8';
  /** Position of the first row; default 0. */
  readonly first?: number;
}

const forms: Form[] = [
  { rows: 1, width: 64, type: 'ternary', group: 64, norms: true, pool: 'f16' },
  { rows: 3, width: 320, type: 'binary', group: 64, norms: true, pool: 'f32' },
  { rows: 8, width: 160, type: 'ternary', group: 32, norms: false, pool: 'f16' },
  { rows: 2, width: 64, type: 'ternary', group: 16, norms: true, pool: 'i8' },
  { rows: 1, width: 64, type: 'ternary', group: 64, norms: true, pool: 'f32', first: 150 },
  { rows: 1, width: 64, type: 'binary', group: 64, norms: false, pool: 'f16', first: 127 },
  { rows: 1, width: 64, type: 'ternary', group: 64, norms: true, pool: 'f16', first: 1100 },
];

/** Matrices of one kind, as tensors of their own. */
function matricesOf({ type, group }: Form, shapes: readonly (readonly [out: number, width: number])[]) {
  return shapes.flatMap(([out, width]) => randomMatrix(type, out, width, group));
}

const nameOf = ({ rows, width, type, norms, pool, first = 0 }: Form) =>
  `${rows} rows of ${width}, ${type}, pages of ${pool}${norms ? ', heads normalised' : ''}, from position ${first}`;

type Nine = [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];

/** Attention of a layer: everything from its norm to its sum with the residual. */
function attentionCase(form: Form): OpCase {
  const { rows, width, pool, first = 0 } = form;
  const maxPages = Math.ceil((first + rows) / pageSize);
  const hidden = heads * headSize;
  const at = (name: string, shape: number[], draw: (i: number) => number) => ({
    tensor: input(name, shape, 'i32'),
    data: Int32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => draw(i)),
  });
  const elements = pool === 'i8' ? headSize + 4 : headSize;
  const pools = ['keys', 'values'].map((name) => {
    const tensor = variable(name, [maxPages + 2, pageSize, keyHeads * elements], pool);
    const data = new { f32: Float32Array, f16: Uint16Array, i8: Int8Array }[pool](tensor.size);
    // Halves of one half to four, of either sign.
    const draw = {
      f32: (i: number) => Math.sin(i),
      f16: (i: number) => ((i * 7919) % 0xc00) + 0x3800 + 0x8000 * (i % 2),
    };
    return { tensor, data: pool === 'i8' ? data : data.map((_, i) => draw[pool](i)) };
  });
  const keyWidth = keyHeads * headSize;
  const given = [
    ...[noise('x', [1, rows, width], 1), noise('gamma', [width], 2), noise('gammaOfQueries', [headSize], 3)],
    ...[
      noise('gammaOfKeys', [headSize], 4),
      at('slots', [rows], () => 1),
      at('positions', [rows], (i) => first + i),
    ],
    // The last page first.
    ...[at('pages', [2, maxPages], (i) => maxPages - (i % maxPages)), ...pools],
    ...matricesOf(form, [
      [hidden, width],
      [keyWidth, width],
      [keyWidth, width],
      [width, hidden],
    ]),
  ];
  return opCase(
    nameOf(form),
    given,
    (...inputs) => {
      const [x, gamma, gammaQ, gammaK, slots, positions, pages, keys, values] = inputs.slice(0, 9) as Nine;
      const rest = inputs.slice(9);
      const [q, k, v, o] = [0, 2, 4, 6].map((n) => ({ codes: rest[n]!, scales: rest[n + 1]! }));
      const paging = { slots, positions, pages };
      const table = rotaryTable(
        rows,
        { frequencies: Array.from({ length: headSize / 2 }, (_, i) => 1 / (i + 1)) },
        positions,
      );
      const a = rmsNorm(x, gamma, epsilon);
      const [toQ, toK, toV] = [groupedLinear(a, q!), groupedLinear(a, k!), groupedLinear(a, v!)];
      const turned = (y: Tensor, g: Tensor) => rotary(form.norms ? rmsNorm(y, g, epsilon) : y, table);
      const [turnedQ, turnedK] = [turned(toQ, gammaQ), turned(toK, gammaK)];
      const stored = {
        k: appendToPages(keys, turnedK, headSize, paging),
        v: appendToPages(values, toV, headSize, paging),
      };
      return [add(x, groupedLinear(pagedAttention({ q: turnedQ, ...stored }, headSize, paging), o!))];
    },
    // An activation at the edge between two int8 values may round either way.
    { differentiate: [], tolerance: 1e-2 },
  );
}

/** The channel mixer of a layer. */
function mixerCase(form: Form, inner = 2 * form.width): OpCase {
  const { rows, width } = form;
  const given = [
    ...[noise('x', [1, rows, width], 1), noise('gamma', [width], 2)],
    ...matricesOf(form, [
      [inner, width],
      [inner, width],
      [width, inner],
    ]),
    ...[noise('bias', [inner], 3), noise('bias', [width], 4)],
  ];
  return opCase(
    `channel mixer of ${inner}, ${nameOf(form)}`,
    given,
    (x, gamma, gate, gateScales, up, upScales, down, downScales, bias, biasOfDown) => {
      const b = rmsNorm(x!, gamma!, epsilon);
      const gates = groupedLinear(b, { codes: gate!, scales: gateScales!, bias: bias! });
      const unit = gatedUnit(gates, groupedLinear(b, { codes: up!, scales: upScales! }), 'silu');
      return [add(x!, groupedLinear(unit, { codes: down!, scales: downScales!, bias: biasOfDown! }))];
    },
    { differentiate: [], tolerance: 1e-2 },
  );
}

/** So many tiles that none is cut in halves. */
const manyTiles = mixerCase(forms[0]!, 3200);
const cases = [...forms.flatMap((form) => [attentionCase(form), mixerCase(form)]), manyTiles];

testOp('a decoded layer of grouped matrices', cases);

describe('fusing grouped projections', () => {
  const namesOf = ({ apply, inputs }: OpCase) =>
    fuse(
      record('layer', () => void apply(...inputs)),
      device,
    ).calls.map(({ op }) => op.name);

  it('leaves three kernels of attention for a token, four for more, and two of the channel mixer', () => {
    expect(namesOf(cases[0]!)).toEqual([
      ...['rotaryTable', 'groupedProjections', 'attendHeads', 'groupedProjections'],
    ]);
    expect(namesOf(cases[2]!)).toEqual([
      ...['rotaryTable', 'groupedProjections', 'headsToPages', 'pagedAttention', 'groupedProjections'],
    ]);
    expect(namesOf(cases[1]!)).toEqual(['groupedProjections', 'groupedProjections']);
  });

  it('leaves four calls of attention for CUDA, and two of the channel mixer', () => {
    const [card] = everyCard;
    const names = ({ apply, inputs }: OpCase) =>
      fuseForCuda(
        record('layer', () => void apply(...inputs)),
        card!,
      ).calls.map(({ op }) => op.name);
    expect(names(cases[0]!)).toEqual([
      ...['rotaryTable', 'groupedProjections', 'headsToPages', 'pagedAttention', 'groupedProjections'],
    ]);
    expect(names(cases[1]!)).toEqual(['groupedProjections', 'groupedProjections']);
  });

  it('keeps the ops where a device binds fewer tensors, or pages have steps', () => {
    const [, ...kept] = namesOf(cases[6]!);
    expect(kept).toContain('appendToPages');
    const { apply, inputs } = cases[1]!;
    const program = record('layer', () => void apply(...inputs));
    expect(fuse(program, { ...device, maxBindings: 3 }).calls).toEqual(program.calls);
  });
});
