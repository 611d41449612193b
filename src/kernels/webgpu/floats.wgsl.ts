/** Reads arrays of floats of any type. */
import type { DType } from '../../program/tensor.ts';

/** Entry `at` of the array `name` as f32, by its stored type; two or four narrow entries share a word. */
export function floatEntry(name: string, dtype: DType): string {
  if (dtype === 'f16') return `unpack2x16float(${name}[at >> 1u])[at & 1u]`;
  if (dtype === 'i8') return `f32(extractBits(bitcast<i32>(${name}[at >> 2u]), 8u * (at & 3u), 8u))`;
  if (dtype === 'bf16') {
    return `bitcast<f32>(select(${name}[at >> 1u] << 16u, ${name}[at >> 1u] & 0xffff0000u, (at & 1u) == 1u))`;
  }
  return `${name}[at]`;
}

/**
 * `fourOf_<name>(row, block)`: columns 4·block … 4·block + 3 of a row of the array `name` with rows of `width`, as
 * f32. Columns past `width`, which is also `p.width`, are zero. `type` is the type to declare the array with.
 * @param scales the array of factors of the rows, if they have any
 */
export function fourFloats(
  name: string,
  dtype: DType,
  width: number,
  scales?: string,
): { code: string; type: string } {
  const scaled = scales ? ` * ${scales}[row]` : '';
  const head = `fn fourOf_${name}(row: u32, block: u32) -> vec4f`;
  if (width % 4 > 0) {
    const code = `
fn entryOf_${name}(row: u32, c: u32) -> f32 {
  if (c >= p.width) { return 0.0; }
  let at = row * p.width + c;
  return ${floatEntry(name, dtype)}${scaled};
}
${head} {
  let c = 4u * block;
  return vec4f(${[0, 1, 2, 3].map((j) => `entryOf_${name}(row, c + ${j}u)`).join(', ')});
}`;
    return { code, type: dtype === 'f32' ? 'f32' : 'u32' };
  }
  const load = `let four = ${name}[row * (p.width / 4u) + block];`;
  const halves = {
    f16: 'vec4f(unpack2x16float(four.x), unpack2x16float(four.y))',
    bf16: 'bitcast<vec4f>(vec4u(four.x << 16u, four.x & 0xffff0000u, four.y << 16u, four.y & 0xffff0000u))',
  };
  if (dtype === 'i8') {
    const codes = 'vec4f(bitcast<vec4i>(vec4u(four) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u))';
    return { code: `\n${head} { ${load} return ${codes}${scaled}; }`, type: 'u32' };
  }
  const value = dtype === 'f16' || dtype === 'bf16' ? halves[dtype] : 'four';
  return {
    code: `\n${head} { ${load} return ${value}${scaled}; }`,
    type: value === 'four' ? 'vec4f' : 'vec2u',
  };
}
