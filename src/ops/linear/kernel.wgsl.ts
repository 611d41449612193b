import { denseProduct, overTiles } from '../../kernels/webgpu/denseProduct.wgsl.ts';
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { floatEntry, fourFloats } from '../../kernels/webgpu/floats.wgsl.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';

/** Up to this many rows read the weights one by one; more share them in tiles. */
const maxSingleRows = 8;

/** W [out, width] in f32, f16 or bf16, or in int8 with scales [out]. */
interface Matrix {
  readonly weight: Tensor;
  readonly scales: Tensor | undefined;
}

/** y [rows, out] = x [rows, width] · Wᵀ */
export function linearForward(x: Tensor, matrix: Matrix, y: Tensor): Dispatch {
  return rowsOf(y) <= maxSingleRows ? rowByRow(x, matrix, y) : inTiles(x, matrix, y);
}

/** 64 invocations share an output, four columns at a time; a workgroup computes four outputs of one row. */
function rowByRow(x: Tensor, { weight, scales }: Matrix, y: Tensor): Dispatch {
  const [rows, width, out] = [rowsOf(x), widthOf(x), widthOf(y)];
  const w = fourFloats('weight', weight.dtype, width, scales && 'scales');
  const a = fourFloats('x', 'f32', width);
  return {
    shader: 'linearByRow',
    code: `${w.code}${a.code}
var<workgroup> parts: array<f32, 256>;

@compute @workgroup_size(64, 4)
fn main(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let output = group.x * 4u + local.y;
  let row = group.y;
  var sum = 0.0;
  if (output < p.out) {
    for (var block = local.x; block < p.blocks; block += 64u) {
      sum += dot(fourOf_weight(output, block), fourOf_x(row, block));
    }
  }
  parts[lane] = sum;
  workgroupBarrier();
  if (local.x < 8u) {
    for (var k = 8u; k < 64u; k += 8u) { sum += parts[lane + k]; }
    parts[lane] = sum;
  }
  workgroupBarrier();
  if (local.x == 0u && output < p.out) {
    for (var k = 1u; k < 8u; k++) { sum += parts[lane + k]; }
    y[row * p.out + output] = sum;
  }
}`,
    tensors: { x, weight, scales, y },
    types: { weight: w.type, x: a.type },
    numbers: { out, width, blocks: Math.ceil(width / 4) },
    workgroups: [Math.ceil(out / 4), rows, 1],
  };
}

function inTiles(x: Tensor, { weight, scales }: Matrix, y: Tensor): Dispatch {
  const [rows, width, out] = [rowsOf(x), widthOf(x), widthOf(y)];
  return {
    shader: 'linearInTiles',
    code: `
fn entry(n: u32, k: u32) -> f32 {
  let row = min(n, p.N - 1u);
  let at = row * p.K + k;
  return ${floatEntry('weight', weight.dtype)}${scales ? ' * scales[row]' : ''};
}
${denseProduct({
  a: 'return x[m * p.K + k];',
  aRunsAlong: 'k',
  b: 'return vec4f(entry(n, k), entry(n + 1u, k), entry(n + 2u, k), entry(n + 3u, k));',
  store: 'y[at] = value;',
})}`,
    tensors: { x, weight, scales, y },
    numbers: { M: rows, N: out, K: width },
    workgroups: overTiles(rows, out),
  };
}

export interface LinearGradients {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly dy: Tensor;
  readonly dx: Tensor;
  readonly dWeight: Tensor;
  /** The tensors that the gradients are added to. */
  readonly before: Partial<Record<'dx' | 'dWeight', Tensor | undefined>>;
}

/** dx [rows, width] = dy [rows, out] · W + before; dW [out, width] = dyᵀ · x + before */
export function linearBackward({ before, ...t }: LinearGradients): Dispatch[] {
  const [rows, width, out] = [rowsOf(t.x), widthOf(t.x), widthOf(t.dy)];
  const neighbours = (name: string) =>
    `let at = k * p.N + n;
  return vec4f(${[0, 1, 2, 3].map((j) => `${name}[at + ${j}u]`).join(', ')});`;
  return [
    {
      shader: 'linearGradientOfInput',
      code: denseProduct({
        a: 'return dy[m * p.K + k];',
        aRunsAlong: 'k',
        b: neighbours('weight'),
        store: `dx[at] = ${before.dx ? 'before[at] + ' : ''}value;`,
      }),
      tensors: { dy: t.dy, weight: t.weight, before: before.dx, dx: t.dx },
      numbers: { M: rows, N: width, K: out },
      workgroups: overTiles(rows, width),
    },
    {
      shader: 'linearGradientOfWeight',
      code: denseProduct({
        a: 'return dy[k * p.M + m];',
        aRunsAlong: 'm',
        b: neighbours('x'),
        store: `dWeight[at] = ${before.dWeight ? 'before[at] + ' : ''}value;`,
      }),
      tensors: { dy: t.dy, x: t.x, before: before.dWeight, dWeight: t.dWeight },
      numbers: { M: out, N: width, K: rows },
      workgroups: overTiles(out, width),
    },
  ];
}
