/** Backward through the rows of several projections at once: see `GradientOfRows`. */

import { scratch } from '../../../kernels/scratch.ts';
import { columnTotals, type Sum } from '../../../kernels/webgpu/columnSums.wgsl.ts';
import type { Dispatch, GpuFeatures } from '../../../kernels/webgpu/dispatch.ts';
import { activations, cutRow, eachLoad, siluFour } from '../../../kernels/webgpu/wgsl.ts';
import { epsilon as linearEpsilon } from '../../../ops/bitLinear/reference.ts';
import { rowsOf } from '../../../program/shapes.ts';
import { type RowSource, sourceEpsilon, sourceTensors, sourceWidth } from '../../fused/rowSource.ts';
import type { GradientOfRows } from '../../fused/rows.ts';
import { bindsAll } from './bindsAll.ts';

/** Groups of columns that a lane holds in registers, for each operand. */
const maxLoads = 8;
/** Minimum number of rows whose share in the norms' gradients a workgroup sums, and maximum number of workgroups. */
const [minRows, maxParts] = [8, 1024];

/** Number of workgroups that share `rows`. */
export const partsOf = (rows: number) => Math.min(Math.max(Math.ceil(rows / minRows), 1), maxParts);

const cutOf = (source: RowSource) => cutRow(sourceWidth(source), 1);

/** Sums over rows still to be taken: those of the projections' norms, then the source's. */
function sumsOf({ dnorms, dgamma }: GradientOfRows): Sum[] {
  return dgamma ? [...dnorms, dgamma] : [...dnorms];
}

function tensorsOf(t: GradientOfRows) {
  return {
    ...sourceTensors(t.source),
    ...Object.fromEntries(t.norms.map((norm, n) => [`norm${n}`, norm])),
    ...Object.fromEntries(t.dys.map((dy, n) => [`dy${n}`, dy])),
    ...{ before: t.dx.before, dx: t.dx.y, dh: t.dh, largest: t.largest },
  };
}

export function suitsGradient(t: GradientOfRows, { maxBindings, ...features }: GpuFeatures): boolean {
  const room = { ...features, maxBindings: maxBindings - 1 }; // one binding for the parts of the sums over rows
  return sourceWidth(t.source) % 4 === 0 && cutOf(t.source).loads <= maxLoads && bindsAll(tensorsOf(t), room);
}

export function gradientOfRows(t: GradientOfRows): Dispatch[] {
  const { source, norms } = t;
  const width = sourceWidth(source);
  const rows = rowsOf(source.x);
  const cut = cutOf(source);
  const parts = partsOf(rows);
  const sums = sumsOf(t);
  const partial = scratch('partsOfSums', [sums.length, parts, width]);
  const projections = norms.map((_, n) => n);
  const loads = Array.from({ length: cut.loads }, (_, k) => k);
  const vectors = ['x', 'h', 'gamma', 'before', 'dx', 'dh', 'partial'];
  const names = [...vectors, ...projections.flatMap((n) => [`norm${n}`, `dy${n}`])];
  return [
    {
      shader: `gradientOfRows.${source.kind}.${norms.length}`,
      code: `${activations}${siluFour}
const lanes = ${cut.lanes}u;

@compute @workgroup_size(lanes)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  ${loads.map((k) => sums.map((_, s) => `var sum${s}_${k} = vec4f();`).join(' ')).join('\n  ')}
  var top = vec4f();
  for (var row = group.x; row < p.rows; row += p.parts) {
      var given = 0.0;
      var squares = 0.0;
      var products = 0.0;
      ${loads.map((k) => `var x${k} = vec4f(); var u${k} = vec4f(); var e${k} = vec4f(); ${projections.map((n) => `var d${n}_${k} = vec4f();`).join(' ')}`).join('\n      ')}
      ${eachLoad(
        cut,
        (k, at) => `{
        let at = ${at};
        ${projections.map((n) => `d${n}_${k} = dy${n}[row * ${cut.fours}u + at]; e${k} += d${n}_${k} * norm${n}[at];`).join('\n        ')}
        ${operands(source, cut.fours, k)}
        given += dot(x${k}, x${k});
        squares += dot(u${k}, u${k});
        products += dot(e${k}, u${k});
      }`,
      )}
      let count = ${width}.0;
      ${source.kind === 'swiglu' ? 'let r0 = 1.0;' : 'let r0 = 1.0 / sqrt(workgroupSum(given, lane) / count + p.before);'}
      let r1 = 1.0 / sqrt(r0 * r0 * workgroupSum(squares, lane) / count + p.epsilon);
      let slope = r1 * r1 * r1 * workgroupSum(products, lane) / count;
      ${eachLoad(
        cut,
        (k, at) => `{
        let at = ${at};
        let a = u${k} * r0;
        let da = r1 * e${k} - a * (r0 * slope);
        ${projections.map((n) => `sum${n}_${k} += d${n}_${k} * a * r1;`).join(' ')}
        ${results(t, cut.fours, k)}
      }`,
      )}
  }
  let largestHere = workgroupMax(max(max(top.x, top.y), max(top.z, top.w)), lane);
  if (lane == 0u) { largest[group.x] = largestHere; }
  ${sums.map((_, s) => eachLoad(cut, (k, at) => `partial[(${s}u * p.parts + group.x) * ${cut.fours}u + ${at}] = sum${s}_${k};`)).join('\n  ')}
}`,
      tensors: { ...tensorsOf(t), partial },
      types: Object.fromEntries(names.map((name) => [name, 'vec4f'])),
      numbers: {
        ...{ rows, parts },
        ...{ epsilon: { f32: linearEpsilon }, before: { f32: sourceEpsilon(source) } },
      },
      workgroups: [parts, 1, 1],
    },
    columnTotals('gradientOfNorm', partial, sums),
  ];
}

/** A lane's group `k` of what the source read, and u of it. */
function operands(source: RowSource, fours: number, k: number): string {
  switch (source.kind) {
    case 'rmsNorm':
      return `x${k} = x[row * ${fours}u + at]; u${k} = x${k} * gamma[at];`;
    case 'gatedNorm':
      return `x${k} = x[row * ${fours}u + at]; u${k} = x${k} * gamma[at] * siluFour(h[row * ${fours}u + at]);`;
    case 'swiglu':
      return `x${k} = x[row * ${2 * fours}u + at]; u${k} = siluFour(x${k}) * x[row * ${2 * fours}u + ${fours}u + at];`;
  }
}

/** How da, a group of columns of the gradient of the source's result, is used. */
function results({ source, norms, dx }: GradientOfRows, fours: number, k: number): string {
  const write = (to: string, value: string) => `{
          let found = ${dx.before ? `before[${to}] + ` : ''}(${value});
          dx[${to}] = found;
          top = max(top, abs(found));
        }`;
  const ofSource = `sum${norms.length}_${k}`;
  const at = `row * ${fours}u + at`;
  const throughNorm = (w: string) =>
    write(at, `r0 * (da * ${w}) - x${k} * (r0 * r0 * r0 * p.epsilon * slope)`);
  switch (source.kind) {
    case 'rmsNorm':
      return `${ofSource} += da * x${k} * r0;
        ${throughNorm('gamma[at]')}`;
    case 'gatedNorm':
      return `let state = h[${at}];
        let s = sigmoidFour(state);
        let gate = state * s;
        let normed = da * x${k} * r0;
        ${ofSource} += normed * gate;
        ${throughNorm('(gamma[at] * gate)')}
        dh[${at}] = normed * gamma[at] * (s * (1.0 + state * (1.0 - s)));`;
    case 'swiglu': {
      const [gate, value] = [`row * ${2 * fours}u + at`, `row * ${2 * fours}u + ${fours}u + at`];
      return `let s = sigmoidFour(x${k});
        let value = x[${value}];
        ${write(gate, `da * value * (s * (1.0 + x${k} * (1.0 - s)))`)}
        ${write(value, `da * (x${k} * s)`)}`;
    }
  }
}
