/** Kernels over the elements of many tensors in one launch: a block takes a stretch of one of them. */
import type { Tensor } from '../../program/tensor.ts';
import type { Launch } from './launch.ts';
import { blockSize } from './shapes.ts';

/** Vectors of four elements, or elements, that a thread of such a block takes. */
const perThread = 8;
const stretch = perThread * blockSize;

/** Bytes of parameters that every card takes, without what a kernel has besides its lists. */
const listBytes = 4096 - 256;

/** One of the tensors: how many pieces it has, and what the kernel knows of it by name. */
export interface OneOfMany {
  /** Vectors or elements: what a thread takes one after the other. */
  readonly pieces: number;
  readonly operands: Readonly<Record<string, Tensor | number>>;
}

/** What is the same for all of them. */
export type Shared = Pick<Launch, 'kernel' | 'functions' | 'body' | 'tensors' | 'types' | 'numbers'>;

/** Blocks that so many pieces take. */
export function blocksOf(pieces: number): number {
  return Math.ceil(pieces / stretch);
}

/**
 * Launches over the pieces of `all`, in which a block has the operands of its tensor by name, `block`, its number among
 * the blocks of that tensor, `firstBlock`, the number of blocks of the tensors before, and `pieces`.
 */
export function overTensors(all: readonly OneOfMany[], shared: Shared): Launch[] {
  const lists = Object.keys(all[0]?.operands ?? {}).length + 2;
  const most = Math.floor(listBytes / (8 * lists));
  const launches: Launch[] = [];
  let before = 0;
  for (let first = 0; first < all.length; first += most) {
    const some = all.slice(first, first + most);
    launches.push(overSome(some, shared, before));
    before += some.reduce((sum, { pieces }) => sum + blocksOf(pieces), 0);
  }
  return launches;
}

function overSome(all: readonly OneOfMany[], shared: Shared, before: number): Launch {
  const firsts: number[] = [];
  let blocks = 0;
  for (const { pieces } of all) {
    firsts.push(blocks);
    blocks += blocksOf(pieces);
  }
  const names = Object.keys(all[0]!.operands);
  const isNumber = (name: string) => typeof all[0]!.operands[name] === 'number';
  const types = Object.fromEntries(
    Object.entries(shared.types ?? {}).map(([name, type]) => [`${name}s`, type]),
  );
  return {
    ...shared,
    body: `
  unsigned place = 0;
  for (unsigned end = ${all.length}; end - place > 1;) {
    const unsigned middle = (place + end) / 2;
    if (firsts.at[middle] <= blockIdx.x) place = middle;
    else end = middle;
  }
  const unsigned block = blockIdx.x - firsts.at[place], firstBlock = before + firsts.at[place], pieces = sizes.at[place];
  ${names.map((name) => `${isNumber(name) ? 'const unsigned' : 'auto* const'} ${name} = ${name}s.at[place];`).join('\n  ')}
  ${shared.body}`,
    numbers: { ...shared.numbers, before },
    types,
    lists: {
      firsts,
      sizes: all.map(({ pieces }) => pieces),
      ...Object.fromEntries(
        names.map((name) => [`${name}s`, all.map(({ operands }) => operands[name]) as Tensor[] | number[]]),
      ),
    },
    ...{ grid: [blocks, 1, 1], block: blockSize },
  };
}

/** In `overTensors`: the pieces `i` of a thread; loads of all of them may be under way at once. */
export function eachPiece(body: string): string {
  return `
  #pragma unroll
  for (unsigned k = 0; k < ${perThread}; k++) {
    const unsigned i = block * ${stretch} + k * ${blockSize} + threadIdx.x;
    if (i < pieces) { ${body} }
  }`;
}
