/** The list of engines, used by `--engine`, the library's option and the run file. */
import { createCudaEngine, probeCuda, sharesMemory } from '#platform';
import { InputError } from '../errors.ts';
import { CpuEngine } from './cpu/cpuEngine.ts';
import type { CudaProbe } from './cuda/probe.ts';
import type { Engine } from './engine.ts';

export interface EngineOptions {
  /** Worker threads, for engines that compute on the CPU. */
  readonly threads?: number | undefined;
  /** Number of this process among those of the machine: engines that choose their GPU take one for each process. */
  readonly process?: number | undefined;
  /** Run programs as they are recorded, without fusing ops. */
  readonly unfused?: boolean | undefined;
}

export interface EngineKind {
  /** For display: what computes. */
  readonly about: string;
  /** Processes on one host each take a share of its cores, or their own GPU. */
  readonly runsOn: 'cores' | 'gpu';
  /** Whether the engine chooses its GPU by `process`; otherwise the process must be shown its own. */
  readonly choosesGpu?: boolean;
  /** Largest memory that the engine can address; absent: no limit of its own. */
  readonly maxBytes?: number;
  create(options: EngineOptions): Promise<Engine>;
}

export type EngineTable = Readonly<Record<string, EngineKind>>;

/** A WebAssembly heap ends at 4 GiB; the engine keeps a little of it. */
const maxHeapBytes = 2 ** 32 - 2 ** 26;

/**
 * Engines that few users choose are loaded on use. Declared to return `Engine`, so that the package's types do not need
 * those of WebGPU.
 */
export const engines = {
  cpu: {
    about: 'WebAssembly on the cores of the CPU',
    runsOn: 'cores',
    maxBytes: maxHeapBytes,
    create: ({ threads }: EngineOptions): Promise<Engine> => {
      if (threads && !sharesMemory()) console.warn(noThreads(threads));
      return CpuEngine.create({ threads });
    },
  },
  webgpu: {
    about: 'the GPU, through WebGPU',
    runsOn: 'gpu',
    create: async ({ unfused }: EngineOptions): Promise<Engine> =>
      (await import('./webgpu/webgpuEngine.ts')).WebGpuEngine.create(unfused ? { passes: [] } : {}),
  },
  cuda: {
    about: 'an NVIDIA GPU, through CUDA',
    runsOn: 'gpu',
    choosesGpu: true,
    create: ({ unfused, process }: EngineOptions): Promise<Engine> =>
      createCudaEngine({ process, ...(unfused ? { passes: [] } : {}) }),
  },
  reference: {
    about: 'plain formulas in float64: slow, for checking other engines',
    runsOn: 'cores',
    create: async (): Promise<Engine> =>
      new (await import('./reference/referenceEngine.ts')).ReferenceEngine(),
  },
} satisfies EngineTable;

export type EngineName = keyof typeof engines;

/** Pages get threads only with two headers; without them the library still works, slower. */
const noThreads = (threads: number) =>
  `plusminus: threads: found ${threads}, but this page is not cross-origin isolated, so the model computes on the calling ` +
  'thread. Send the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, or ' +
  'set threads: 0 to silence this warning.';

/** `auto` is an NVIDIA GPU where CUDA works, else the CPU, which is always available: see `chooseEngine`. */
export type EngineChoice = EngineName | 'auto';

export const engineNames = Object.keys(engines) as readonly EngineName[];
export const engineChoices: readonly EngineChoice[] = ['auto', ...engineNames];

/**
 * The engine for a choice. `auto` is the CPU where its `threads` are asked for, and where CUDA does not work; if there is a
 * card all the same, the reason is said once.
 */
export async function chooseEngine<Name extends string>(
  choice: Name | 'auto' = 'auto',
  { threads }: Pick<EngineOptions, 'threads'> = {},
  probe: () => Promise<CudaProbe> = probeCuda,
): Promise<Name | 'cuda' | 'cpu'> {
  if (choice !== 'auto') return choice;
  if (threads !== undefined) return 'cpu';
  const found = await probe();
  if (found.works) return 'cuda';
  if (found.problem !== undefined) sayOnce(`plusminus: the CPU computes, because ${found.problem}`);
  return 'cpu';
}

const said = new Set<string>();

function sayOnce(line: string): void {
  if (!said.has(line)) console.warn(line);
  said.add(line);
}

/** @throws InputError for an engine that is not in the table */
export function engineKind(name: string, table: EngineTable = engines): EngineKind {
  const kind = Object.hasOwn(table, name) ? table[name] : undefined;
  if (kind) return kind;
  const expected = ['auto', ...Object.keys(table)].join(', ');
  throw new InputError(`engine: found ${JSON.stringify(name)}, expected ${expected}`);
}

/** @throws InputError for an engine that is not in the table */
export async function createEngine(
  choice: string = 'auto',
  options: EngineOptions = {},
  table: EngineTable = engines,
): Promise<Engine> {
  return engineKind(await chooseEngine(choice, options), table).create(options);
}
