/** The cluster's units, and how many of them a cluster of N cores has: one, or one for each core. */
export const units = [
  { module: 'pm_ternary_core', perCore: true },
  { module: 'pm_streamer', perCore: true },
  { module: 'pm_drain', perCore: true },
  { module: 'pm_row', perCore: false },
  { module: 'pm_scalar', perCore: false },
  { module: 'pm_scalar_file', perCore: false },
  { module: 'pm_load_store', perCore: false },
  { module: 'pm_router', perCore: false },
  { module: 'pm_bank_writer', perCore: false },
  { module: 'pm_collector', perCore: false },
  { module: 'pm_arbiter', perCore: false },
  { module: 'pm_issue', perCore: false },
  { module: 'pm_fetch', perCore: false },
] as const;

/** A ternary core for weights of five trits a byte. */
export const tritsCore = { module: 'pm_ternary_core', parameters: { COLUMNS: 20, PARTS: 5 } } as const;

/** A Yosys command that sets a module's parameters. */
export function setParameters(module: string, parameters: Readonly<Record<string, number>>): string {
  const set = Object.entries(parameters).map(([name, value]) => `-set ${name} ${value}`);
  return set.length === 0 ? 'select *' : `chparam ${set.join(' ')} ${module}`;
}
