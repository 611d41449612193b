/** The engines there are: the one list behind `--engine`, the library's option and the run file. */
import { InputError } from '../errors.ts';
import { CpuEngine } from './cpu/cpuEngine.ts';
import type { Engine } from './engine.ts';
import { ReferenceEngine } from './reference/referenceEngine.ts';
import { WebGpuEngine } from './webgpu/webgpuEngine.ts';

export interface EngineOptions {
  /** Worker threads, for engines that compute on the CPU. */
  readonly threads?: number | undefined;
}

export interface EngineKind {
  /** For people: what computes. */
  readonly about: string;
  create(options: EngineOptions): Promise<Engine>;
}

export type EngineTable = Readonly<Record<string, EngineKind>>;

export const engines = {
  cpu: {
    about: 'WebAssembly on the cores of the CPU',
    create: ({ threads }: EngineOptions) => CpuEngine.create({ threads }),
  },
  webgpu: { about: 'the GPU, through WebGPU', create: () => WebGpuEngine.create() },
  reference: {
    about: 'plain formulas in float64: slow, for checking other engines',
    create: async () => new ReferenceEngine(),
  },
} satisfies EngineTable;

export type EngineName = keyof typeof engines;

/** `auto` is the CPU, which is always there. */
export type EngineChoice = EngineName | 'auto';

export const engineNames = Object.keys(engines) as readonly EngineName[];
export const engineChoices: readonly EngineChoice[] = ['auto', ...engineNames];

/** @throws InputError for an engine that is not in the table */
export async function createEngine(
  choice: string = 'auto',
  options: EngineOptions = {},
  table: EngineTable = engines,
): Promise<Engine> {
  const kind = table[choice === 'auto' ? 'cpu' : choice];
  if (!kind) {
    const expected = ['auto', ...Object.keys(table)].join(', ');
    throw new InputError(`engine: found ${JSON.stringify(choice)}, expected ${expected}`);
  }
  return kind.create(options);
}
