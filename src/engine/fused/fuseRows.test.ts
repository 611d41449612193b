import { describe, expect, it } from 'vitest';
import { type OpCase, testOp } from '../../../test/opSuite.ts';
import type { GpuFeatures } from '../../kernels/webgpu/dispatch.ts';
import { add } from '../../ops/add/add.ts';
import { bitLinear } from '../../ops/bitLinear/bitLinear.ts';
import { gatedNorm } from '../../ops/gatedNorm/gatedNorm.ts';
import { backward } from '../../ops/gradients.ts';
import { rmsNorm } from '../../ops/rmsNorm/rmsNorm.ts';
import { swiglu } from '../../ops/swiglu/swiglu.ts';
import { present } from '../../program/op.ts';
import { assign, mark, record } from '../../program/record.ts';
import { input, type Tensor, variable } from '../../program/tensor.ts';
import { SeededRandom } from '../../text/seededRandom.ts';
import { fuse } from '../webgpu/fused/fuse.ts';
import { Uses } from './uses.ts';

const epsilon = 1e-6;
const device: GpuFeatures = { int8Matrices: false, halfMatrices: false, subgroupSize: 32, maxBindings: 16 };

/** Projections of a source's result, each with its norm and matrix; one of them is added to a residual. */
interface Form {
  readonly source: 'rmsNorm' | 'gatedNorm' | 'swiglu';
  readonly rows: number;
  readonly width: number;
  readonly outs: readonly number[];
}

function caseOf({ source, rows, width, outs }: Form): OpCase {
  const random = new SeededRandom(rows + width);
  const normal = (shape: number[], name: string) => variable(name, shape);
  const x = normal([rows, source === 'swiglu' ? 2 * width : width], 'x');
  const before = {
    rmsNorm: [x, normal([width], 'gamma')],
    gatedNorm: [x, normal([rows, width], 'h'), normal([width], 'gamma')],
    swiglu: [x],
  }[source];
  const matrices = outs.map((out, n) => [normal([width], `norm ${n}`), normal([out, width], `weight ${n}`)]);
  const residual = normal([rows, outs[0]!], 'residual');
  const inputs = [...before, ...matrices.flat(), residual];
  return {
    id: `${source}, ${rows} rows of ${width} to ${outs.join(', ')}`,
    inputs,
    data: inputs.map((tensor) => random.fillNormal(new Float32Array(tensor.size))),
    apply: () => {
      const a = {
        rmsNorm: () => rmsNorm(x, before[1]!, epsilon),
        gatedNorm: () => gatedNorm(x, before[1]!, before[2]!, epsilon),
        swiglu: () => swiglu(x),
      }[source]();
      const [first, ...others] = matrices.map(([norm, weight]) =>
        bitLinear(a, { norm: norm!, weight: weight! }),
      );
      return [add(residual, first!), ...others];
    },
    straightThrough: true,
    // An activation at the edge between two int8 values may round either way: one part in 127 of one term.
    tolerance: 4e-3,
  };
}

const forms: readonly Form[] = [
  { source: 'rmsNorm', rows: 9, width: 64, outs: [64, 64, 64] },
  { source: 'rmsNorm', rows: 37, width: 36, outs: [13] },
  { source: 'rmsNorm', rows: 11, width: 1300, outs: [32, 20] },
  { source: 'gatedNorm', rows: 33, width: 96, outs: [96] },
  { source: 'gatedNorm', rows: 10, width: 2052, outs: [8] },
  { source: 'swiglu', rows: 21, width: 172, outs: [64] },
  { source: 'swiglu', rows: 9, width: 2100, outs: [16] },
  // On tensor cores too, where products store their sums as integers.
  { source: 'rmsNorm', rows: 64, width: 64, outs: [64, 64] },
  { source: 'gatedNorm', rows: 64, width: 128, outs: [64] },
  { source: 'swiglu', rows: 80, width: 160, outs: [64] },
  { source: 'rmsNorm', rows: 12, width: 30, outs: [16] }, // not whole groups of four: not fused
];

testOp('fused rows', forms.map(caseOf));

/** The ops of the program that a device runs: forward and backward. */
function opsOf(one: OpCase, features: GpuFeatures): string[] {
  const program = record('test', () => {
    const results = one.apply();
    const seeds = results.map((result, n) => [result, input(`seed ${n}`, result.shape)] as const);
    backward(new Map(seeds), one.inputs);
  });
  return fuse(program, features).calls.map(({ op }) => op.name);
}

describe('what is fused', () => {
  it('nothing of the separate ops is left, and the residual is added by a product', () => {
    for (const form of forms.slice(0, -1)) {
      const names = opsOf(caseOf({ ...form, outs: form.outs.slice(0, 1) }), device);
      for (const op of ['rmsNorm', 'gatedNorm', 'swiglu', 'bitLinear', 'add']) {
        expect(names, names.join()).not.toContain(op);
        expect(names, names.join()).not.toContain(`${op}Backward`);
      }
      expect(names).toEqual(expect.arrayContaining(['quantiseRows', 'ternaryProduct', 'gradientOfRows']));
    }
  });

  it('nothing for rows that are not groups of four, nor where a device binds too few tensors', () => {
    expect(opsOf(caseOf(forms.at(-1)!), device)).not.toContain('quantiseRows');
    expect(opsOf(caseOf(forms[0]!), { ...device, maxBindings: 8 })).not.toContain('gradientOfRows');
  });

  it('as much where a mark follows each gradient: it waits until the fused call has made the gradient', () => {
    for (const form of forms.slice(0, -1)) {
      const one = caseOf(form);
      const made: Tensor[] = [];
      const program = record('test', () => {
        const seeds = one.apply().map((result, n) => [result, input(`seed ${n}`, result.shape)] as const);
        backward(new Map(seeds), one.inputs, {
          onComplete: (of, gradient) => {
            if (gradient.kind !== 'temporary' || made.includes(gradient)) return;
            assign(variable(`gradient of ${of.name}`, of.shape), gradient);
            made.push(gradient);
            mark();
          },
        });
      });
      const fused = fuse(program, device);
      expect(fused.calls.map(({ op }) => op.name)).toEqual(opsOf(one, device));
      expect(fused.marks).toHaveLength(made.length);
      for (const [mark, gradient] of made.entries()) {
        const before = fused.calls.slice(0, fused.marks[mark]);
        expect(before.some(({ outputs }) => present(outputs).includes(gradient))).toBe(true);
      }
      expect(fused.marks).toEqual(fused.marks.toSorted((a, b) => a - b));
    }
  });

  it('nothing across a mark at which the host may replace what the calls after it read', () => {
    for (const reads of [true, false]) {
      const [x, y, replaced] = [input('x', [4]), input('y', [4]), variable('replaced', [4])];
      const program = record('test', () => {
        assign(replaced, add(x, y));
        mark();
        add(reads ? replaced : x, y);
      });
      const [first, last] = program.calls;
      expect(new Uses(program).mayWait([], first!, last!)).toBe(!reads);
    }
  });
});
