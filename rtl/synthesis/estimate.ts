/** ABC9's estimate of the longest path of each unit on 7-series, before placement: look-up tables and typical wires. */
import type { Estimate } from '../../src/accelerator/resources.ts';
import { sourcesDigest } from './digest.ts';
import { readSources, yosys } from './tools.ts';
import { setParameters, units } from './units.ts';

/** The cluster's units and what a top adds to them. */
export const estimated: readonly string[] = [
  ...units.map(({ module }) => module),
  ...['pm_argmax', 'pm_host', 'pm_axi_lite', 'pm_axi_memory'],
];

/** @param parameters where they are not the defaults */
export async function estimateDelay(
  module: string,
  parameters: Readonly<Record<string, number>> = {},
): Promise<Estimate> {
  const synthesis = `synth_xilinx -family xc7 -noiopad -nowidelut -flatten -abc9 -top ${module}`;
  const script = `${readSources}; ${setParameters(module, parameters)}; hierarchy -check -top ${module}; ${synthesis}`;
  const { log } = await yosys(script, {}, { quiet: false });
  const delays = [...log.matchAll(/Del = *(\d+)/g)].map(([, picoseconds]) => Number(picoseconds));
  if (delays.length === 0) throw new Error(`${module}: ABC9 names no delay`);
  return { module, sources: sourcesDigest(module), nanoseconds: delays.at(-1)! / 1000 };
}
