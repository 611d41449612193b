/**
 * Many kernels as one that stays on the card: each becomes a stage, and blocks that have done their part of a stage wait
 * for one another through counters in memory. Waiting costs about two microseconds, a launch more, and what a stage may
 * read before it waits, such as weights, is on its way meanwhile.
 *
 * A stage has a counter, which its blocks raise when they are done and those of the next stage await. Blocks without work
 * in a stage skip it. A counter is cleared two stages later, when nobody reads it any more; the last one that is awaited
 * is cleared by the first stage of the next run.
 *
 * What follows in the queue may come to the card with the last stage, and waits there.
 */
import type { CudaFeatures, KernelNumber, Launch } from '../../../kernels/cuda/launch.ts';
import type { Tensor } from '../../../program/tensor.ts';
import { operandsOf } from '../kernelSource.ts';

/** Launches of one source, whose blocks are as many. */
interface Kind {
  readonly launch: Launch;
  readonly members: Launch[];
}

const waiting = `
__device__ inline void raise(unsigned* counter) { asm volatile("red.release.gpu.global.add.u32 [%0], 1;" :: "l"(counter) : "memory"); }
__device__ inline unsigned look(unsigned* counter) {
  unsigned found; asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(found) : "l"(counter) : "memory"); return found;
}
`;

/** Whether a kernel takes all that its launch names. */
export function fitsParameters(
  { tensors, numbers, lists = {} }: Launch,
  { parameterBytes }: CudaFeatures,
): boolean {
  const words =
    Object.keys(tensors).length + Object.keys(numbers).length + Object.values(lists).flat().length;
  return 8 * words <= parameterBytes;
}

/**
 * @param counters zeros, one for each stage: i32 [launches]
 * @param blocksAtOnce of a processor; the launches have at most as many blocks as run at the same time
 */
export function inStages(launches: readonly Launch[], counters: Tensor, blocksAtOnce: number): Launch {
  const all = kindsOf(launches);
  const places = new Map(all.flatMap(({ members }, k) => members.map((launch, n) => [launch, k + 256 * n])));
  const blocks = all.map(({ launch }) => launch.grid[0]);
  const operands = all.map(sharedAndListed);
  const merge = <T>(field: (one: Operands) => Readonly<Record<string, T>>) =>
    Object.assign({}, ...operands.map(field)) as Record<string, T>;
  const functions = new Set(launches.map((launch) => launch.functions ?? ''));
  return {
    kernel: `stages.${all.length}`,
    functions: [...functions, waiting, ...all.map(stageFunction)].join(''),
    body: `
  unsigned wanted = 0;
  for (unsigned stage = 0; stage < count; stage++) {
    const unsigned kind = stages.at[stage] & 255, place = stages.at[stage] >> 8;
    unsigned* const before = counters + stage - 1;
    unsigned* const stale = counters + (stage + count - 2) % count;
    if (stage + 1 == count) letLaterBegin();
    switch (kind) {
      ${all.map((_, k) => `case ${k}: if (blockIdx.x < ${blocks[k]}) stage${k}(${['before', 'wanted', 'stale', ...operands[k]!.arguments].join(', ')}); break;`).join('\n      ')}
    }
    ${all.map((_, k) => `if (kind == ${k}) wanted = ${blocks[k]};`).join(' ')}
    __syncthreads();
    if (threadIdx.x == 0 && blockIdx.x < wanted) raise(counters + stage);
  }`,
    tensors: { counters, ...merge((one) => one.tensors) },
    types: { counters: 'unsigned', ...merge((one) => one.types) },
    numbers: { count: launches.length, ...merge((one) => one.numbers) },
    lists: { stages: launches.map((launch) => places.get(launch)!), ...merge((one) => one.lists) },
    grid: [Math.max(...blocks), 1, 1],
    block: launches[0]!.block,
    shared: Math.max(...launches.map(({ shared = 0 }) => shared)),
    ...{ isPersistent: true, blocksAtOnce },
  };
}

function kindsOf(launches: readonly Launch[]): Kind[] {
  const kinds = new Map<string, Kind>();
  for (const launch of launches) {
    const { body, grid, numbers } = launch;
    const floats = Object.entries(numbers).filter(([, value]) => typeof value !== 'number');
    const key = JSON.stringify([body, grid, operandsOf(launch), floats]);
    const kind = kinds.get(key);
    if (kind) kind.members.push(launch);
    else kinds.set(key, { launch, members: [launch] });
  }
  return [...kinds.values()];
}

/** What a kind's stages are called with: operands that all of them share, and lists of the others. */
interface Operands extends Required<Pick<Launch, 'tensors' | 'types' | 'numbers' | 'lists'>> {
  readonly arguments: readonly string[];
}

function sharedAndListed({ launch, members }: Kind, k: number): Operands {
  const tensors: Record<string, Tensor | undefined> = {};
  const types: Record<string, string> = {};
  const numbers: Record<string, KernelNumber> = {};
  const lists: Record<string, (Tensor | undefined)[] | number[]> = {};
  const names: string[] = [];
  for (const name of Object.keys(launch.tensors)) {
    const own = `k${k}_${name}`;
    const values = members.map((member) => member.tensors[name]);
    if (launch.types?.[name]) types[own] = launch.types[name];
    if (values.every((value) => value === values[0])) tensors[own] = values[0];
    else lists[own] = values;
    names.push(own in lists ? `${own}.at[place]` : own);
  }
  for (const [name, first] of Object.entries(launch.numbers)) {
    const own = `k${k}_${name}`;
    const values = members.map((member) => member.numbers[name]);
    if (typeof first !== 'number' || values.every((value) => value === first)) numbers[own] = first;
    else lists[own] = values as number[];
    names.push(own in lists ? `(unsigned)${own}.at[place]` : own);
  }
  return { tensors, types, numbers, lists, arguments: names };
}

/** A kernel's body, in which waiting means waiting for the stage before. */
function stageFunction({ launch }: Kind, k: number): string {
  const own = ['unsigned* counter, const unsigned wanted, unsigned* stale', ...operandsOf(launch)];
  return `
__device__ __forceinline__ void stage${k}(${own.join(', ')}) {
  auto letLaterBegin = []() {};
  auto waitForEarlier = [=]() {
    if (threadIdx.x == 0) {
      while (wanted != 0 && look(counter) < wanted) {}
      if (blockIdx.x == 0) *stale = 0;
    }
    __syncthreads();
  };
  ${launch.beginsEarly ? '' : 'waitForEarlier();'}
  ${launch.body}
}
`;
}
