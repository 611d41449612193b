/** NVIDIA's driver: devices, memory, streams, graphs. One context a process and card, shared by all engines on it. */
import { CudaError, NoCudaError, remedy } from './errors.ts';
import { driverLibraries } from './libraries.ts';
import { type Koffi, Library, loadKoffi } from './library.ts';

const signatures = {
  cuInit: 'u',
  cuDriverGetVersion: '*',
  cuDeviceGetCount: '*',
  cuDeviceGet: '*i',
  cuDeviceGetName: '*ii',
  cuDeviceGetUuid: '*i',
  cuDeviceGetAttribute: '*ii',
  cuDeviceTotalMem_v2: '*i',
  cuDevicePrimaryCtxRetain: '*i',
  cuDevicePrimaryCtxRelease_v2: 'i',
  cuCtxSetCurrent: 'h',
  cuGetErrorString: 'i*',
  cuMemGetInfo_v2: '**',
  cuMemAlloc_v2: '*z',
  cuMemFree_v2: 'h',
  cuMemHostAlloc: '*zu',
  cuMemFreeHost: 'h',
  cuMemcpyHtoDAsync_v2: 'h*zh',
  cuMemcpyDtoHAsync_v2: 'hhzh',
  cuMemsetD8Async: 'huzh',
  cuStreamCreate: '*u',
  cuStreamCreateWithPriority: '*ui',
  cuStreamWaitEvent: 'hhu',
  cuStreamDestroy_v2: 'h',
  cuStreamSynchronize: 'h',
  cuStreamBeginCapture_v2: 'hi',
  cuStreamEndCapture: 'h*',
  cuEventCreate: '*u',
  cuEventDestroy_v2: 'h',
  cuEventRecord: 'hh',
  cuEventQuery: 'h',
  cuEventElapsedTime: '*hh',
  cuModuleLoadData: '**',
  cuModuleUnload: 'h',
  cuModuleGetFunction: '*hs',
  cuFuncSetAttribute: 'hii',
  cuLaunchKernelEx: '*h**',
  cuGraphInstantiateWithFlags: '*hz',
  cuGraphDestroy: 'h',
  cuGraphExecDestroy: 'h',
  cuGraphLaunch: 'hh',
} as const;

export type DriverLibrary = Library<keyof typeof signatures>;

/** Statuses of the driver that get a message of their own. */
export const statuses = { outOfMemory: 2, noDevice: 100, notReady: 600 } as const;

/** Device attributes, by the driver's numbers. */
const attributes = { processors: 16, major: 75, minor: 76, sharedBytes: 97 } as const;

/** Cards before Ampere have no bf16. */
const minCapability = 80;

/**
 * Bytes of parameters that a kernel takes, at most. Drivers and compilers from 12.1 on take more than those before; a
 * driver of CUDA 13 brings a compiler of its own major version.
 */
export function parameterBytesOf(cudaMajor: number): number {
  return cudaMajor >= 13 ? 32_764 : 4096;
}

export interface Card {
  readonly name: string;
  /** Compute capability, such as 90. */
  readonly capability: number;
  readonly processors: number;
  /** Shared memory of a block, at most. */
  readonly sharedBytes: number;
  /** Parameters of a kernel, at most. */
  readonly parameterBytes: number;
  readonly memoryBytes: number;
}

export interface OpenDriver {
  readonly koffi: Koffi;
  readonly driver: DriverLibrary;
  readonly card: Card;
  readonly device: number;
  /** Major version of CUDA that the driver runs. */
  readonly cudaMajor: number;
}

/** Which card: its number, or that of a process among those that take one after the other. */
export interface CardChoice {
  readonly device?: number | undefined;
  readonly process?: number | undefined;
}

/**
 * Opens a card, by default the first, and makes its context current on this thread.
 * @throws NoCudaError if there is no driver, no such card, or either is too old
 */
export async function openDriver(choice: CardChoice = {}): Promise<OpenDriver> {
  const koffi = await loadKoffi();
  const driver = bind(koffi);
  const status = driver.status('cuInit', 0);
  if (status !== 0)
    throw new NoCudaError(
      `NVIDIA's driver found no GPU that it can use (${textOf(driver, koffi, status)}); ${remedy}`,
    );
  const version = integer(driver, 'cuDriverGetVersion');
  const cudaMajor = Math.floor(version / 1000);
  if (cudaMajor < 12) {
    throw new NoCudaError(
      `NVIDIA's driver runs CUDA ${version / 1000}; expected 12 or later: install driver 525 or later, or ${remedy}`,
    );
  }
  const count = integer(driver, 'cuDeviceGetCount');
  const device = choice.device ?? (choice.process ?? 0) % Math.max(1, count);
  if (device >= count) throw new NoCudaError(`card ${device}: found ${count} NVIDIA GPUs; ${remedy}`);
  const card = cardOf(driver, device, cudaMajor);
  if (card.capability < minCapability) {
    throw new NoCudaError(
      `${card.name} has compute capability ${card.capability / 10}; expected 8.0 (Ampere) or later; ` +
        "use WebGPU: --engine webgpu (in code: engine: 'webgpu')",
    );
  }
  const context = driver.make('cuDevicePrimaryCtxRetain', device);
  driver.call('cuCtxSetCurrent', context);
  return { koffi, driver, card, device, cudaMajor };
}

function bind(koffi: Koffi): DriverLibrary {
  for (const path of driverLibraries) {
    try {
      const library = koffi.load(path);
      const driver: DriverLibrary = new Library(library, signatures, (name, status) => {
        return new CudaError(explain(name, textOf(driver, koffi, status)), status);
      });
      return driver;
    } catch {} // the next one
  }
  throw new NoCudaError(
    `found no NVIDIA driver (tried ${driverLibraries.join(', ')}): install it, or ${remedy}`,
  );
}

function explain(name: string, text: string): string {
  return `${name} failed: ${text}. The GPU's context may be lost: start again, or ${remedy}`;
}

/** The driver's words for a status. */
function textOf(driver: DriverLibrary, koffi: Koffi, status: number): string {
  const place = new BigUint64Array(1);
  driver.status('cuGetErrorString', status, place);
  if (!place[0]) return `status ${status}`;
  const bytes = new Uint8Array(koffi.view(place[0], 256));
  return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
}

function integer(driver: DriverLibrary, name: 'cuDriverGetVersion' | 'cuDeviceGetCount'): number {
  const place = new Int32Array(1);
  driver.call(name, place);
  return place[0]!;
}

function cardOf(driver: DriverLibrary, device: number, cudaMajor: number): Card {
  const attribute = (name: keyof typeof attributes) => {
    const place = new Int32Array(1);
    driver.call('cuDeviceGetAttribute', place, attributes[name], device);
    return place[0]!;
  };
  const name = new Uint8Array(128);
  driver.call('cuDeviceGetName', name, name.length, device);
  return {
    name: new TextDecoder().decode(name.subarray(0, name.indexOf(0))),
    capability: 10 * attribute('major') + attribute('minor'),
    processors: attribute('processors'),
    sharedBytes: attribute('sharedBytes'),
    parameterBytes: parameterBytesOf(cudaMajor),
    memoryBytes: Number(driver.make('cuDeviceTotalMem_v2', device)),
  };
}
