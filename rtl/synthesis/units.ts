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
  { module: 'pm_collector', perCore: false },
  { module: 'pm_arbiter', perCore: false },
  { module: 'pm_issue', perCore: false },
  { module: 'pm_fetch', perCore: false },
] as const;
