/** NVIDIA's management library, which comes with the driver: the energy that a card has used. */
import type { DriverLibrary } from './driver.ts';
import { type Koffi, Library } from './library.ts';

const signatures = {
  nvmlInit_v2: '',
  nvmlDeviceGetHandleByUUID: 's*',
  nvmlDeviceGetTotalEnergyConsumption: 'h*',
} as const;

export type NvmlLibrary = Library<keyof typeof signatures>;

const libraries = ['libnvidia-ml.so.1', '/usr/lib/wsl/lib/libnvidia-ml.so.1'];

/** The library, if it is there. */
export function openNvml(koffi: Koffi): NvmlLibrary | undefined {
  for (const path of libraries) {
    try {
      return new Library(
        koffi.load(path),
        signatures,
        (name, status) => new Error(`${name} failed with status ${status}`),
      );
    } catch {} // the next one
  }
  return undefined;
}

/**
 * A function that returns the joules that a card has used since its driver was loaded. `undefined` where the card (older
 * than Volta, or a slice of a card) has no counter.
 */
export function energyCounter(
  nvml: NvmlLibrary,
  driver: DriverLibrary,
  device: number,
): (() => number) | undefined {
  if (nvml.status('nvmlInit_v2') !== 0) return undefined;
  const handle = new BigUint64Array(1);
  if (nvml.status('nvmlDeviceGetHandleByUUID', uuidOf(driver, device), handle) !== 0) return undefined;
  const millijoules = new BigUint64Array(1);
  const read = () => nvml.status('nvmlDeviceGetTotalEnergyConsumption', handle[0], millijoules);
  if (read() !== 0) return undefined;
  return () => {
    nvml.check('nvmlDeviceGetTotalEnergyConsumption', read());
    return Number(millijoules[0]) / 1000;
  };
}

/** The card's name in both libraries, which may number cards differently. */
function uuidOf(driver: DriverLibrary, device: number): string {
  const bytes = new Uint8Array(16);
  driver.call('cuDeviceGetUuid', bytes, device);
  const digits = Buffer.from(bytes).toString('hex');
  return `GPU-${digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')}`;
}
