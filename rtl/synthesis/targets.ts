/**
 * Technologies, and how their cells count as resources. `-nowidelut`: Yosys otherwise builds wide multiplexers out of
 * many more look-up tables than it saves.
 */

import type { Resources, UnitResources } from '../../src/accelerator/resources.ts';

export interface Target {
  readonly name: string;
  readonly command: string;
  readonly units: UnitResources['units'];
  count(cell: string): Partial<Resources>;
}

const one = (key: keyof Resources): Partial<Resources> => ({ [key]: 1 });

export const targets: readonly Target[] = [
  {
    name: 'Intel ALM (Cyclone V)',
    command: 'synth_intel_alm -family cyclonev -noflatten',
    units: { logic: 'ALUTs', multipliers: 'DSP multipliers', memoryBlocks: 'M10K' },
    count: (cell) => {
      if (/^MISTRAL_(ALUT\d|ALUT_ARITH|NOT)$/.test(cell)) return one('logic');
      if (/^MISTRAL_MLAB/.test(cell)) return one('logic');
      if (/^MISTRAL_FF$/.test(cell)) return one('registers');
      if (/^MISTRAL_MUL/.test(cell)) return one('multipliers');
      return /^MISTRAL_M(10|20)K/.test(cell) ? one('memoryBlocks') : {};
    },
  },
  {
    name: 'Xilinx 7-series',
    command: 'synth_xilinx -family xc7 -noiopad -nowidelut',
    units: { logic: 'LUTs', multipliers: 'DSP48E1', memoryBlocks: 'RAMB18' },
    count: (cell) => {
      if (/^LUT\d$|^INV$/.test(cell)) return one('logic');
      const ram = /^RAM(\d+)([MXD])/.exec(cell);
      // A distributed RAM takes four look-up tables (RAM32M, RAM64M) or eight.
      if (ram) return { logic: /16$/.test(cell) ? 8 : 4 };
      if (/^FD[RSCP]E/.test(cell)) return one('registers');
      if (/^DSP48/.test(cell)) return one('multipliers');
      if (/^RAMB36/.test(cell)) return { memoryBlocks: 2 };
      return /^RAMB18/.test(cell) ? one('memoryBlocks') : {};
    },
  },
  {
    name: 'Lattice ECP5',
    command: 'synth_ecp5 -noflatten -nowidelut',
    units: { logic: 'LUT4', multipliers: 'MULT18X18D', memoryBlocks: 'DP16KD' },
    count: (cell) => {
      if (cell === 'LUT4') return one('logic');
      if (cell === 'CCU2C' || cell === 'TRELLIS_DPR16X4') return { logic: 2 };
      if (cell === 'TRELLIS_FF') return one('registers');
      if (cell.startsWith('MULT18X18')) return one('multipliers');
      return cell === 'DP16KD' || cell === 'PDPW16KD' ? one('memoryBlocks') : {};
    },
  },
];
