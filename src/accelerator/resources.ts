/** Resources of the RTL after synthesis: results/rtl.json, written by `npx node rtl/synthesise.ts`. */
import fs from 'node:fs/promises';
import * as v from 'valibot';
import { InputError } from '../errors.ts';

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const amounts = {
  /** Look-up tables, or adaptive logic modules' halves where the technology has those. */
  logic: count,
  registers: count,
  multipliers: count,
  memoryBlocks: count,
};
const unit = v.object({
  target: v.string(),
  /** The technology's names for `logic`, `multipliers` and `memoryBlocks`. */
  units: v.object({ logic: v.string(), multipliers: v.string(), memoryBlocks: v.string() }),
  module: v.string(),
  /** Digest of what was synthesised. */
  sources: v.string(),
  /** As many as there are cores; else one. */
  perCore: v.boolean(),
  ...amounts,
});
const placedCore = v.object({
  sources: v.string(),
  device: v.string(),
  rows: count,
  logicCells: count,
  logicCellsOfDevice: count,
  memoryBlocks: count,
  /** Highest clock after routing. */
  clockMHz: v.pipe(v.number(), v.minValue(1)),
  tool: v.string(),
});
const estimate = v.object({
  module: v.string(),
  sources: v.string(),
  /** The longest path on 7-series as ABC9 estimates it before placement. */
  nanoseconds: v.pipe(v.number(), v.minValue(0)),
});
const placedDesign = v.object({
  sources: v.string(),
  module: v.string(),
  device: v.string(),
  /** Highest clock after routing, of each seed of the placer. */
  clocksMHz: v.pipe(v.array(v.pipe(v.number(), v.minValue(1))), v.minLength(1)),
  /** Of the first seed. */
  used: v.object(amounts),
  available: v.object(amounts),
  /** The tests' model on it, simulated. */
  run: v.object({ width: count, layers: count, vocabulary: count, cyclesPerToken: count }),
  tool: v.string(),
});
const rtlReport = v.object({
  tool: v.string(),
  /** With the parameters' defaults: one core, vectors of 8192 elements, FIFO of 256 beats. */
  units: v.array(unit),
  estimates: v.optional(v.array(estimate), []),
  /** A ternary core for weights of five trits a byte, for each technology, and its longest path. */
  trits: v.optional(v.object({ units: v.array(unit), estimate: v.optional(estimate) }), { units: [] }),
  reducedCore: v.optional(placedCore),
  /** A whole accelerator with memory on the chip, synthesised for ECP5, with the parameters' defaults of its top. */
  onChip: v.optional(v.object({ module: v.string(), sources: v.string(), ...amounts })),
  /** The same, placed and routed. */
  placed: v.optional(placedDesign),
});

export type Resources = v.InferOutput<v.ObjectSchema<typeof amounts, undefined>>;
export type UnitResources = v.InferOutput<typeof unit>;
/** A ternary core of fewer rows, placed and routed. */
export type PlacedCore = v.InferOutput<typeof placedCore>;
export type Estimate = v.InferOutput<typeof estimate>;
/** A top for a board, placed and routed. */
export type PlacedDesign = v.InferOutput<typeof placedDesign>;
export type RtlReport = v.InferOutput<typeof rtlReport>;

/**
 * The results that came with the project; undefined if there are none.
 * @throws InputError if they are damaged
 */
export async function readRtlReport(file: string | URL): Promise<RtlReport | undefined> {
  const text = await fs.readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const parsed = v.safeParse(rtlReport, parseJson(text));
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const where = v.getDotPath(issue) ?? 'content';
  throw new InputError(
    `${file}: ${where}: ${issue.message}; \`npx node rtl/synthesise.ts\` in a clone writes it again`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Units that exist for each slot. A ternary core has its array and its results for each slot, too. */
const slotUnits: ReadonlySet<string> = new Set([
  ...['pm_row', 'pm_scalar', 'pm_scalar_file', 'pm_router', 'pm_collector', 'pm_ternary_core'],
]);

/**
 * Resources of a cluster of N cores: N times what each core has, and the rest once. With slots it is an upper bound: units
 * of slots are multiplied as wholes, though slots share the control of cores and of the collector.
 */
export function clusterResources(units: readonly UnitResources[], cores: number, batch = 1): Resources {
  const total = { logic: 0, registers: 0, multipliers: 0, memoryBlocks: 0 };
  for (const each of units) {
    const copies = (each.perCore ? cores : 1) * (slotUnits.has(each.module) ? batch : 1);
    for (const key of Object.keys(total) as (keyof Resources)[]) total[key] += each[key] * copies;
  }
  return total;
}
