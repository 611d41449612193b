/** The row of grouped projections: read or merged, normalised, and rounded as roundRows does (rounding.wgsl.ts). */
import { blockSize, smallest, unitParts } from '../../../ops/groupedLinear/reference.ts';
import { pageSize } from '../../../ops/pages.ts';
import { widthOf } from '../../../program/shapes.ts';
import type { PartsOfHeads } from '../../fused/decodedAttention.ts';
import type { GroupedProjections } from '../../fused/groupedProjections.ts';

/** Pairs of vectors of four columns that an invocation holds in registers, at most. */
const maxPairs = 12;

const pairsOf = (width: number, lanes: number) => Math.ceil(width / 8 / lanes);

export function suitsRounding(width: number, lanes: number): boolean {
  return width % blockSize === 0 && pairsOf(width, lanes) <= maxPairs;
}

/** Bytes of a workgroup for the row. */
export const bytesOfRow = (width: number) => width + (4 * width) / blockSize;

/** `q` and `m`, and functions. */
export function rowDeclarations({ x, parts }: GroupedProjections): string {
  const width = widthOf(x);
  return `
var<workgroup> q: array<u32, ${width / 4}>;
var<workgroup> m: array<i32, ${width / blockSize}>;
${parts ? mergedParts(parts) : ''}`;
}

/** Fills `q` and `m` and says in `unit` what a unit is worth. An invocation has pairs of vectors: four of them are a block. */
export function roundedRow(t: GroupedProjections, lanes: number, subgroupSize: number): string {
  const words = widthOf(t.x) / 4;
  const pairs = Array.from({ length: pairsOf(widthOf(t.x), lanes) }, (_, pair) => pair);
  const at = (pair: number) => `(2u * me + ${2 * pair * lanes}u)`;
  const each = (body: (pair: number) => string) => pairs.map(body).join('\n  ');
  const there = (body: (pair: number) => string) =>
    each((pair) =>
      2 * (pair + 1) * lanes <= words ? body(pair) : `if (${at(pair)} < ${words}u) { ${body(pair)} }`,
    );
  const both = (body: (name: string) => string) => each((pair) => `${body(`a${pair}`)} ${body(`b${pair}`)}`);
  return `
  ${both((name) => `var ${name} = vec4f();`)}
  ${there((pair) => readPair(t, pair, at(pair), words))}
  ${t.norm ? normalised(both, there, at) : largest(both)}
  ${each((pair) => `var m${pair} = max(largestOf(a${pair}), largestOf(b${pair}));`)}
  ${
    subgroupSize >= 4
      ? each(
          (k) =>
            `m${k} = max(m${k}, subgroupShuffleXor(m${k}, 1u)); m${k} = max(m${k}, subgroupShuffleXor(m${k}, 2u));`,
        )
      : `${there((k) => `q[me + ${k * lanes}u] = bitcast<u32>(m${k});`)}
  workgroupBarrier();
  ${there((k) => `for (var i = 0u; i < 4u; i++) { m${k} = max(m${k}, bitcast<f32>(q[((me + ${k * lanes}u) & ~3u) + i])); }`)}
  workgroupBarrier();`
  }
  ${each((k) => `m${k} = min(floor(m${k} / (127.0 * unit)) + 1.0, 4095.0);`)}
  ${there(
    (k) => `q[${at(k)}] = packed(rounded(a${k} / (m${k} * unit)));
  q[${at(k)} + 1u] = packed(rounded(b${k} / (m${k} * unit)));
  if ((me & 3u) == 0u) { m[${at(k)} / 8u] = i32(m${k}); }`,
  )}
  workgroupBarrier();`;
}

function readPair({ parts }: GroupedProjections, pair: number, at: string, words: number): string {
  const [a, b] = [`a${pair}`, `b${pair}`];
  if (parts)
    return `let merged${pair} = mergedPair(${at}); ${a} = merged${pair}[0]; ${b} = merged${pair}[1];`;
  return `${a} = x[token * ${words}u + ${at}]; ${b} = x[token * ${words}u + ${at} + 1u];`;
}

type Body<T> = (body: (of: T) => string) => string;

/** The row becomes x·r·γ. Its largest entry is that of x·γ, times r: one sum over the workgroup is enough. */
function normalised(both: Body<string>, there: Body<number>, at: (pair: number) => string): string {
  return `var squares = 0.0;
  var top = 0.0;
  ${both((name) => `squares += dot(${name}, ${name});`)}
  ${there((pair) => `a${pair} *= gamma[${at(pair)}]; b${pair} *= gamma[${at(pair)} + 1u];`)}
  ${both((name) => `top = max(top, largestOf(${name}));`)}
  let found = workgroupSumAndMax(vec2f(squares, top), me);
  let r = 1.0 / sqrt(found.x / f32(4u * p.words) + p.epsilon);
  ${both((name) => `${name} *= r;`)}
  let unit = max(r * found.y, ${smallest}) / ${unitParts}.0;`;
}

function largest(both: Body<string>): string {
  return `var top = 0.0;
  ${both((name) => `top = max(top, largestOf(${name}));`)}
  let unit = max(workgroupMax(top, me), ${smallest}) / ${unitParts}.0;`;
}

/**
 * `mergedPair(at)`: eight columns of Σ_z e^(top_z − top)·value_z / Σ_z e^(top_z − top)·sum_z, over the parts z of their head.
 * Loops are unrolled, so that all loads wait together; parts that the token does not have are read from its last one, and
 * weigh nothing.
 */
function mergedParts({ parts, headSize }: PartsOfHeads): string {
  const stride = headSize / 4 + 1;
  const each = (one: (z: number) => string) => Array.from({ length: parts }, (_, z) => one(z)).join('\n  ');
  return `
fn mergedPair(at: u32) -> array<vec4f, 2> {
  let first = (at / ${stride - 1}u) * ${parts * stride}u;
  let column = first + at % ${stride - 1}u;
  let held = min(${parts}u, u32(positions[0]) / ${pageSize}u + 1u);
  ${each((z) => `let from${z} = min(${z}u, held - 1u) * ${stride}u;`)}
  ${each((z) => `let last${z} = x[first + from${z} + ${stride - 1}u].xy;`)}
  ${each((z) => `let a${z} = x[column + from${z}]; let b${z} = x[column + from${z} + 1u];`)}
  var top = last0.x;
  ${each((z) => `top = max(top, last${z}.x);`)}
  var sum = 0.0;
  var a = vec4f();
  var b = vec4f();
  ${each((z) => `let w${z} = select(0.0, exp(last${z}.x - top), ${z}u < held); sum += w${z} * last${z}.y; a += w${z} * a${z}; b += w${z} * b${z};`)}
  return array<vec4f, 2>(a / sum, b / sum);
}`;
}
