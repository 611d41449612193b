/** Kernels that need nothing of one another, as one: each runs on blocks of its own. */
import type { CudaFeatures, Launch } from '../../../kernels/cuda/launch.ts';
import { operandsOf } from '../kernelSource.ts';
import type { BlockShape } from './projections.cuda.ts';

/** @param launches over elements or rows, which any number of blocks and threads walk through in strides */
export function beside(
  launches: readonly Launch[],
  { processors }: CudaFeatures,
  { threads, blocksOfProcessor }: BlockShape,
): Launch {
  const share = Math.floor((blocksOfProcessor * processors) / launches.length);
  const blocks = launches.map(({ grid: [x] }) => Math.min(x, share));
  const firsts = blocks.map((_, n) => sum(blocks.slice(0, n)));
  const own = <T>(field: (launch: Launch) => Readonly<Record<string, T>> = () => ({})) =>
    Object.fromEntries(
      launches.flatMap((launch, n) =>
        Object.entries(field(launch)).map(([name, value]) => [`${name}Of${n}`, value]),
      ),
    );
  return {
    kernel: launches.map(({ kernel }) => kernel).join('.'),
    functions: launches.map(partFunction).join(''),
    body: launches
      .map((launch, n) => {
        const names = [...Object.keys(launch.tensors), ...Object.keys(launch.numbers)];
        const place = `{blockIdx.x - ${firsts[n]}, 0, 0}, {${blocks[n]}, 1, 1}`;
        const operands = names.map((name) => `${name}Of${n}`);
        return `if (blockIdx.x >= ${firsts[n]} && blockIdx.x < ${firsts[n]! + blocks[n]!}) part${n}(${[place, ...operands].join(', ')});`;
      })
      .join('\n  '),
    tensors: own(({ tensors }) => tensors),
    types: own(({ types = {} }) => types),
    numbers: own(({ numbers }) => numbers),
    ...{ grid: [sum(blocks), 1, 1], block: threads },
  };
}

/** Its block's place and the number of blocks are those of the part, under the names that bodies know. */
function partFunction(launch: Launch, n: number): string {
  const parameters = ['const uint3 blockIdx, const uint3 gridDim', ...operandsOf(launch)];
  return `${launch.functions ?? ''}
__device__ __forceinline__ void part${n}(${parameters.join(', ')}) {${launch.body}
}
`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
