import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { elementKernel, overElements } from '../../kernels/webgpu/wgsl.ts';
import { sizeOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';

/**
 * table [length, 2·half] from turns per token in units of 2⁻³², times the magnitude. WGSL guarantees little accuracy
 * for sin and cos, so they are computed within an eighth of a turn, where short series are exact to rounding.
 */
export function rotaryTable(
  positions: Tensor | undefined,
  table: Tensor,
  turns: readonly number[],
  magnitude: number,
): Dispatch {
  const half = turns.length;
  const each = positions?.size === sizeOf(table, 0);
  const position = each ? 'u32(positions[t])' : positions ? '(u32(positions[0]) + t)' : 't';
  return {
    shader: 'rotaryTable',
    code: `
const turns = array<u32, ${half}>(${turns.map((units) => `${units}u`).join(', ')});

// (cos, sin) of an angle given in units of 2⁻³² turns.
fn pointOn(units: u32) -> vec2f {
  // The nearest quarter turn, and the remainder: an angle of at most π/4.
  let quarter = (units + 0x20000000u) >> 30u;
  let x = f32(bitcast<i32>(units - (quarter << 30u))) * ${(2 * Math.PI) / 2 ** 32};
  let z = x * x;
  let s = x + x * z * (-0.16666667 + z * (0.008333333 + z * (-0.00019841270 + z * 2.7557319e-6)));
  let c = 1.0 + z * (-0.5 + z * (0.041666668 + z * (-0.0013888889 + z * (2.4801587e-5 - z * 2.7557319e-7))));
  switch (quarter & 3u) {
    case 0u: { return vec2f(c, s); }
    case 1u: { return vec2f(-s, c); }
    case 2u: { return vec2f(-c, -s); }
    default: { return vec2f(s, -c); }
  }
}
${elementKernel(`
    let t = i / ${half}u;
    let k = i % ${half}u;
    let point = pointOn(${position} * turns[k]) * p.magnitude;
    table[t * ${2 * half}u + k] = point.x;
    table[t * ${2 * half}u + ${half}u + k] = point.y;`)}`,
    tensors: { positions, table },
    numbers: { size: table.size / 2, magnitude: { f32: magnitude } },
    workgroups: overElements(table.size / 2),
  };
}

/** y [rows, width] = x rotated by the angles of its position, or back; y may be the memory of x */
export function rotary(x: Tensor, table: Tensor, y: Tensor, direction: 1 | -1): Dispatch {
  const [length, headSize] = table.shape as [number, number];
  return {
    shader: 'rotary',
    code: elementKernel(`
      let head = i / p.half;
      let k = i % p.half;
      let row = head * 2u * p.half / p.width % p.length * 2u * p.half;
      let at = head * 2u * p.half + k;
      let a = x[at];
      let b = x[at + p.half];
      let c = table[row + k];
      let s = table[row + p.half + k] * p.direction;
      y[at] = a * c - b * s;
      y[at + p.half] = b * c + a * s;`),
    tensors: { x, table, y },
    numbers: {
      size: x.size / 2,
      width: widthOf(x),
      half: headSize / 2,
      length,
      direction: { f32: direction },
    },
    workgroups: overElements(x.size / 2),
  };
}
