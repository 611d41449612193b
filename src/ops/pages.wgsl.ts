/** Rows of a pool of pages in WGSL, by the formulas of pages.ts and pageRows.ts. */
import { type PageType, pageSize } from './pages.ts';

/**
 * `poolRow(slot, position)`: the row of the pool that holds a position of a sequence. In scope are the table `pages`
 * and `p.maxPages`.
 */
export const poolRow = `
fn poolRow(slot: u32, position: u32) -> u32 {
  return u32(pages[slot * p.maxPages + position / ${pageSize}u]) * ${pageSize}u + position % ${pageSize}u;
}`;

/** The type to declare a pool with. */
export const poolTypes = { f32: 'vec4f', f16: 'vec2u', i8: 'u32' } as const;

/**
 * `codesOf_<name>(head, c)`: columns 4c … 4c + 3 of a head, which is counted over all rows of the pool `name`, without the
 * step of i8. `stepOf_<name>(head)`: that step, 1 for floats. `fourOf_<name>(head, c)`: their product. `p.fours` is in
 * scope.
 */
export function poolReader(name: string, type: PageType): string {
  const codes = {
    f32: `return ${name}[head * p.fours + c];`,
    f16: `let four = ${name}[head * p.fours + c];
  return vec4f(unpack2x16float(four.x), unpack2x16float(four.y));`,
    i8: `let four = ${name}[head * (p.fours + 1u) + c];
  return vec4f(bitcast<vec4i>(vec4u(four) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u));`,
  };
  const step = type === 'i8' ? `bitcast<f32>(${name}[head * (p.fours + 1u) + p.fours])` : '1.0';
  return `
fn codesOf_${name}(head: u32, c: u32) -> vec4f {
  ${codes[type]}
}
fn stepOf_${name}(head: u32) -> f32 { return ${step}; }
fn fourOf_${name}(head: u32, c: u32) -> vec4f { return codesOf_${name}(head, c)${type === 'i8' ? ` * stepOf_${name}(head)` : ''}; }`;
}
