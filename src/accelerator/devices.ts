/** Which FPGAs hold how many cores, by counting the cells of synthesised units. Nothing here was placed. */
import { clusterResources, type Resources, type UnitResources } from './resources.ts';

export interface Device {
  readonly name: string;
  /** A target of rtl/synthesis/targets.ts. */
  readonly target: string;
  /** In the target's units, by the manufacturers' data sheets. */
  readonly has: Pick<Resources, 'logic' | 'multipliers' | 'memoryBlocks'>;
}

const device = (
  target: string,
  name: string,
  logic: number,
  multipliers: number,
  memoryBlocks: number,
): Device => ({ name, target, has: { logic, multipliers, memoryBlocks } });

const [intel, xilinx, lattice] = ['Intel ALM (Cyclone V)', 'Xilinx 7-series', 'Lattice ECP5'] as const;

export const devices: readonly Device[] = [
  device(lattice, 'ECP5-45F', 43_848, 72, 108),
  device(lattice, 'ECP5-85F', 83_640, 156, 208),
  device(xilinx, 'Artix-7 35T', 20_800, 90, 100),
  device(xilinx, 'Artix-7 100T', 63_400, 240, 270),
  device(xilinx, 'Artix-7 200T', 134_600, 740, 730),
  device(xilinx, 'Kintex-7 325T', 203_800, 840, 890),
  // Multipliers of Cyclone V: blocks, each of which holds one product of up to 27 × 27 bits.
  device(intel, 'Cyclone V SE A6', 83_820, 112, 557),
  device(intel, 'Cyclone V GX C9', 227_120, 342, 1220),
];

/** Cells that may be used: routing needs the rest. */
const usable = 0.85;

export interface Fit {
  readonly device: Device;
  /** Cores of the largest cluster that fits, up to 32; 0 if not even one does. */
  readonly cores: number;
  /** Share of the device that a cluster of one core takes. */
  readonly oneCore: Device['has'];
}

/** @returns undefined where the device's technology was not synthesised */
export function fitOf(device: Device, units: readonly UnitResources[]): Fit | undefined {
  const of = units.filter(({ target }) => target === device.target);
  if (of.length === 0) return undefined;
  const share = (cores: number) => {
    const { logic, multipliers, memoryBlocks } = clusterResources(of, cores);
    const { has } = device;
    return {
      logic: logic / has.logic,
      multipliers: multipliers / has.multipliers,
      memoryBlocks: memoryBlocks / has.memoryBlocks,
    };
  };
  const fits = (cores: number) => {
    const { logic, multipliers, memoryBlocks } = share(cores);
    return logic <= usable && multipliers <= 1 && memoryBlocks <= 1;
  };
  let cores = 0;
  while (cores < 32 && fits(cores + 1)) cores++;
  return { device, cores, oneCore: share(1) };
}
