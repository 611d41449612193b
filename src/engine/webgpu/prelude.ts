/** Functions that kernels may call: replacements for what WGSL lacks on some devices, and sums over a workgroup. */
import type { DeviceFeatures } from './device.ts';

export interface Prelude {
  readonly code: string;
  /** WGSL extensions that it needs. */
  readonly requires: readonly string[];
}

/** The declarations of the functions that `body` calls. */
export function preludeFor(body: string, features: DeviceFeatures): Prelude {
  const called = (name: string) => body.includes(`${name}(`);
  const reductions = workgroupReductions.filter(({ name }) => called(name));
  const { subgroupSize } = features;
  const code = reductions.map((reduction) =>
    subgroupSize ? inSubgroups(reduction, subgroupSize) : inTwoLevels(reduction),
  );
  if (called('dot4I8Packed') && !features.packedDot) code.push(packedDot);
  return { code: code.join(''), requires: subgroupSize && reductions.length ? ['subgroups'] : [] };
}

const packedDot = `
fn dot4I8Packed(a: u32, b: u32) -> i32 {
  let shifts = vec4u(24, 16, 8, 0);
  let x = bitcast<vec4i>(vec4u(a) << shifts) >> vec4u(24);
  let y = bitcast<vec4i>(vec4u(b) << shifts) >> vec4u(24);
  return dot(x, y);
}`;

interface Reduction {
  readonly name: string;
  readonly type: 'f32' | 'i32' | 'vec2f';
  readonly subgroup: (value: string) => string;
  readonly combine: (a: string, b: string) => string;
}

/**
 * `<name>(value, lane)` for kernels whose workgroups have at least sixteen invocations (`lanes`): combines the values of
 * all lanes, on one device always in the same order. Every lane gets the result.
 */
const workgroupReductions: readonly Reduction[] = [
  {
    name: 'workgroupSum',
    type: 'f32',
    subgroup: (v) => `subgroupAdd(${v})`,
    combine: (a, b) => `${a} + ${b}`,
  },
  {
    name: 'workgroupSums',
    type: 'vec2f',
    subgroup: (v) => `subgroupAdd(${v})`,
    combine: (a, b) => `${a} + ${b}`,
  },
  {
    name: 'workgroupCount',
    type: 'i32',
    subgroup: (v) => `subgroupAdd(${v})`,
    combine: (a, b) => `${a} + ${b}`,
  },
  {
    name: 'workgroupMax',
    type: 'f32',
    subgroup: (v) => `subgroupMax(${v})`,
    combine: (a, b) => `max(${a}, ${b})`,
  },
  {
    name: 'workgroupSumAndMax',
    type: 'vec2f',
    subgroup: (v) => `vec2f(subgroupAdd(${v}.x), subgroupMax(${v}.y))`,
    combine: (a, b) => `vec2f(${a}.x + ${b}.x, max(${a}.y, ${b}.y))`,
  },
];

/** In two levels: barriers cost more than a deeper tree would save in additions. */
function inTwoLevels({ name, type, combine }: Reduction): string {
  return `
var<workgroup> ${name}Values: array<${type}, lanes>;
var<workgroup> ${name}Parts: array<${type}, 16>;
fn ${name}(value: ${type}, lane: u32) -> ${type} {
  ${name}Values[lane] = value;
  workgroupBarrier();
  if (lane < 16u) {
    var part = ${name}Values[lane];
    for (var k = lane + 16u; k < lanes; k += 16u) { part = ${combine('part', `${name}Values[k]`)}; }
    ${name}Parts[lane] = part;
  }
  workgroupBarrier();
  var total = ${name}Parts[0];
  for (var k = 1u; k < 16u; k++) { total = ${combine('total', `${name}Parts[k]`)}; }
  return total;
}
`;
}

/** For devices whose subgroups all have one known size: lanes k·size … (k + 1)·size − 1 form a subgroup. */
function inSubgroups({ name, type, subgroup, combine }: Reduction, size: number): string {
  return `
var<workgroup> ${name}Parts: array<${type}, (lanes + ${size - 1}u) / ${size}u>;
fn ${name}(value: ${type}, lane: u32) -> ${type} {
  let part = ${subgroup('value')};
  if (lanes <= ${size}u) { return part; }
  workgroupBarrier();
  if (lane % ${size}u == 0u) { ${name}Parts[lane / ${size}u] = part; }
  workgroupBarrier();
  var total = ${name}Parts[0];
  for (var k = 1u; k < lanes / ${size}u; k++) { total = ${combine('total', `${name}Parts[k]`)}; }
  return total;
}
`;
}
