/** From a launch to complete CUDA C++: its parameters are declared here, by the tensors and numbers that it names. */
import type { Launch } from '../../kernels/cuda/launch.ts';
import { prelude } from '../../kernels/cuda/prelude.cuda.ts';
import { Tensor } from '../../program/tensor.ts';

export interface AssembledKernel {
  readonly source: string;
  /** The kernel's name in the source. */
  readonly entry: string;
  /** Its arguments in order, each of one word of 64 bits, or of several for a list. */
  readonly arguments: readonly (readonly Word[])[];
}

/** A tensor's address (null for one that is absent), or the bits of a number. */
export type Word = Tensor | null | { readonly bits: number };

const elementTypes = {
  ...{ f32: 'float', f16: 'f16', bf16: 'bf16' },
  ...{
    i32: 'int',
    i8: 'signed char',
    u8: 'unsigned char',
    u4: 'unsigned char',
    ternary: 'unsigned char',
    binary: 'unsigned char',
  },
} as const;

export function assembleKernel(launch: Launch): AssembledKernel {
  const {
    kernel,
    functions = '',
    body,
    tensors,
    types,
    numbers,
    lists = {},
    block,
    blocksAtOnce = 1,
    beginsEarly,
    isPersistent,
  } = launch;
  const entry = kernel.replaceAll(/\W/g, '_');
  const listed = Object.entries(lists).map(([name, list]) => {
    const first: Tensor | number | undefined = [...list].find((one) => one !== undefined);
    const type =
      first instanceof Tensor ? `${types?.[name] ?? elementTypes[first.dtype]}*` : 'unsigned long long';
    return `const __grid_constant__ List<${type}, ${list.length}> ${name}`;
  });
  const parameters = [...operandsOf(launch), ...listed].join(', ');
  const wait = beginsEarly || isPersistent ? '' : '\n  letLaterBegin();\n  waitForEarlier();';
  return {
    source: `${prelude}${functions}
extern "C" __global__ void __launch_bounds__(${block}, ${blocksAtOnce}) ${entry}_kernel(${parameters}) {${wait}${body}
}
`,
    entry: `${entry}_kernel`,
    arguments: [
      ...Object.values(tensors).map((tensor) => [tensor ?? null]),
      ...Object.values(numbers).map((value) => [{ bits: bitsOf(value) }]),
      ...Object.values(lists).map((list) =>
        list.map((value) => (typeof value === 'number' ? { bits: value } : (value ?? null))),
      ),
    ],
  };
}

/** Declarations of a launch's tensors and numbers, as parameters of a function. */
export function operandsOf({ tensors, types, numbers }: Launch): string[] {
  const pointers = Object.entries(tensors).map(
    ([name, tensor]) => `${types?.[name] ?? (tensor ? elementTypes[tensor.dtype] : 'float')}* ${name}`,
  );
  const values = Object.entries(numbers).map(
    ([name, value]) => `const ${typeof value === 'number' ? 'unsigned' : 'float'} ${name}`,
  );
  return [...pointers, ...values];
}

const word = new DataView(new ArrayBuffer(4));

function bitsOf(value: number | { readonly f32: number }): number {
  if (typeof value === 'number') return value;
  word.setFloat32(0, value.f32);
  return word.getUint32(0);
}
