import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { elementKernel, overElements } from '../../kernels/webgpu/wgsl.ts';
import { type Size, sizeOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { int8Four } from '../bitLinear/quantise.wgsl.ts';
import { largestHalf } from '../halfFloats.ts';
import { smallestTop } from '../pageRows.ts';
import { type PageType, type Paging, pageTypeOf, poolHeads } from '../pages.ts';
import { poolRow, poolTypes } from '../pages.wgsl.ts';

/** Stores columns 4c … 4c + 3 of head `head` of the pool. */
const storeFour = {
  f32: 'next[head * p.fours + c] = rows[i];',
  f16: `let four = clamp(rows[i], vec4f(-${largestHalf}.0), vec4f(${largestHalf}.0));
    next[head * p.fours + c] = vec2u(pack2x16float(four.xy), pack2x16float(four.zw));`,
};

/** Stores a whole head as codes, and their step after them. */
const storeHead = `
    var top = ${smallestTop};
    for (var c = 0u; c < p.fours; c++) { top = max(top, largestOf(rows[i * p.fours + c])); }
    let step = top / 127.0;
    for (var c = 0u; c < p.fours; c++) {
      next[head * (p.fours + 1u) + c] = packed(rounded(rows[i * p.fours + c] / step));
    }
    next[head * (p.fours + 1u) + p.fours] = bitcast<u32>(step);`;

/** next [pages, pageSize, …] gets each of the rows at its place; its other rows stay */
export function appendToPages(
  rows: Tensor,
  headSize: Size<'headSize'>,
  paging: Paging,
  next: Tensor,
): Dispatch {
  const type: PageType = pageTypeOf(next);
  const [heads, fours] = [poolHeads(next, headSize), headSize / 4];
  const size = type === 'i8' ? rows.size / headSize : rows.size / 4;
  // `at` counts heads of the rows.
  const head = (at: string) => `
    let r = ${at} / p.heads;
    let head = poolRow(u32(slots[r]), u32(positions[r])) * p.heads + ${at} % p.heads;`;
  return {
    shader: `appendToPages.${type}`,
    code: `
${poolRow}
${int8Four}
${elementKernel(
  type === 'i8'
    ? `${head('i')} ${storeHead}`
    : `${head('(i / p.fours)')}
    let c = i % p.fours;
    ${storeFour[type]}`,
)}`,
    tensors: { rows, ...paging, next },
    types: { rows: 'vec4f', next: poolTypes[type] },
    numbers: { size, heads, fours, maxPages: sizeOf(paging.pages, 1) },
    workgroups: overElements(size),
  };
}
