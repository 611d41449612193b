/** The report's tables and notes, for terminals and as Markdown. */

import { devices, fitOf } from '../../accelerator/devices.ts';
import {
  type BlockRow,
  coreCounts,
  type ModelRow,
  picojoules,
  type Report,
} from '../../accelerator/report.ts';
import {
  clusterResources,
  type PlacedCore,
  type PlacedDesign,
  type Resources,
  type RtlReport,
  type UnitResources,
} from '../../accelerator/resources.ts';
import { stallCauses } from '../../accelerator/statistics.ts';
import { formatTable, markdownTable } from '../../format.ts';
import { energy, published } from './publishedFigures.ts';

export interface Section {
  readonly title: string;
  readonly head?: readonly string[];
  readonly rows?: readonly (readonly string[])[];
  readonly notes: readonly string[];
  /** Of a figure that belongs here. */
  readonly figure?: string;
}

const blockHead = ['clock, width', 'cores', 'cycles', 'ms', 'ports fed', 'GB/s', 'of DDR4'];
/** Of a channel of DDR4-2400, in GB/s. */
const channelBandwidth = 19.2;

export function sectionsOf(report: Report, rtl: RtlReport | undefined): Section[] {
  const { blocks, saturation, models, channels } = report;
  const clock = saturation[0]!.clockMHz;
  const ports = (channelBandwidth * 1e9) / (64 * clock * 1e6);
  return [
    {
      title: 'One block',
      head: blockHead,
      rows: blocks.map(blockCells),
      notes: [
        `Memory: ${channels} channels of DDR4-2400, 19.2 GB/s each, simulated with banks, rows, refresh and queues of 32 requests;`,
        'the streams of the cores keep their turn for 64 beats.',
        '"Ports fed": beats of weights used, of the peak of the cores\' 512-bit ports. "Of DDR4": all traffic, of the peak of',
        'the channels. Rows of a matrix are dealt to the cores 16 at a time, so many cores share narrow layers unevenly.',
      ],
    },
    whereCyclesGo(report),
    {
      title: 'Where DDR4 saturates: one channel',
      head: blockHead,
      rows: saturation.map(blockCells),
      figure: 'saturation',
      notes: [
        `A channel has a peak of ${channelBandwidth} GB/s, which at ${clock} MHz is what ${ports.toFixed(1)} ports of 512 bits can take.`,
      ],
    },
    {
      title: 'Whole models',
      head: ['clock, model', 'cores', 'tokens/s', 'mJ arithmetic', 'mJ SRAM', 'mJ DRAM', 'W of these'],
      rows: models.map(modelCells),
      notes: [
        'One sequence, a token after the other, embedding and head included. Energy is an estimate of switching alone, a',
        `token: ${picojoules.addition} pJ an addition, ${picojoules.multiplication} pJ a 32-bit multiplication, ${picojoules.sramWord} pJ for 64 bits of an SRAM of 8 KB (Horowitz, ISSCC`,
        `2014, 45 nm; an FPGA spends about ten times as much on logic), ${picojoules.dramBit} pJ a bit from DDR4. A beat of weights passes a`,
        'FIFO and meets 16 activations; a row-wise word is two operands and a result. Clock trees, wires, leakage and the',
        "board come on top: this is not an estimate of a card's power.",
      ],
    },
    batches(report, rtl),
    formats(report, rtl),
    ...resources(rtl),
    published(blocks, models),
    energy(models),
  ];
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

function blockCells(row: BlockRow): string[] {
  const { clockMHz, width, cores, cycles, milliseconds, portUse, bandwidth, bandwidthUse } = row;
  return [
    ...[`${clockMHz} MHz, d = ${width}`, String(cores), String(Math.round(cycles)), milliseconds.toFixed(4)],
    ...[percent(portUse), bandwidth.toFixed(2), percent(bandwidthUse)],
  ];
}

function modelCells(row: ModelRow): string[] {
  const { clockMHz, model, cores, tokensPerSecond, arithmeticJoules, sramJoules, dramJoules } = row;
  const watts = (arithmeticJoules + sramJoules + dramJoules) * tokensPerSecond;
  return [
    ...[`${clockMHz} MHz, ${model}`, String(cores), tokensPerSecond.toFixed(1)],
    ...[(1000 * arithmeticJoules).toFixed(3), (1000 * sramJoules).toFixed(2)],
    ...[(1000 * dramJoules).toFixed(1), watts.toFixed(2)],
  ];
}

function whereCyclesGo({ stalls }: Report): Section {
  const { width, clockMHz } = stalls[0]!;
  const kinds = {
    busy: 'a core uses a beat of weights',
    starved: 'it is in a product, its FIFO is empty',
    blocked: 'its results wait for the collector',
    idle: 'it waits for activations, or for the other cores',
  } as const;
  const cells = (of: (row: (typeof stalls)[number]) => number) =>
    stalls.map((row) => `${Math.round(of(row))} (${percent(of(row) / row.cycles)})`);
  const causes = stallCauses.filter((cause) => stalls.some(({ issue }) => issue[cause] > 0));
  return {
    title: `Where the cycles of a block of d = ${width} go, at ${clockMHz} MHz`,
    head: ['', ...stalls.map(({ cores }) => (cores === 1 ? '1 core' : `${cores} cores`))],
    rows: [
      ...Object.entries(kinds).map(([kind, text]) => [text, ...cells(({ core }) => core[kind as 'busy'])]),
      ...causes.map((cause) => [`nothing issues: ${cause}`, ...cells(({ issue }) => issue[cause])]),
    ],
    notes: [
      'The first four rows cover all cycles of a core, on average over the cores. No instruction needs to issue while the',
      'ternary unit is busy: its next product is ready and waits.',
    ],
  };
}

function batches({ batches: rows }: Report, rtl: RtlReport | undefined): Section {
  const xilinx = rtl?.units.filter(({ target }) => target === 'Xilinx 7-series') ?? [];
  return {
    title: 'Many sequences from one reading of the weights',
    head: [
      ...['model, work', 'slots', 'cores', 'channels', 'MHz', 'tokens/s', 'ms a step', 'cores fed'],
      ...['LUTs', 'DSP', 'RAMB18'],
    ],
    rows: rows.map((row) => {
      const { logic, multipliers, memoryBlocks } = clusterResources(xilinx, row.cores, row.batch);
      return [
        ...[`${row.model}, ${row.mode}`, String(row.batch), String(row.cores), String(row.channels)],
        ...[String(row.clockMHz), row.tokensPerSecond.toFixed(0), row.stepMilliseconds.toFixed(2)],
        ...[percent(row.coresFed), String(logic), String(multipliers), String(memoryBlocks)],
      ];
    }),
    notes: [
      'Decode: each slot is a sequence; a step gives a token to each, arg-max included. Prefill: the slots are consecutive',
      'tokens of one prompt, computing only the states (no head); 128 tokens are eight steps of 16. DDR4-2400 with',
      'banks. Resources are upper bounds by counting 7-series cells (an Alveo U250 has 1,728,000 LUTs, 12,288 DSPs and 5,376',
      'RAMB18, UltraRAM not counted). All times are simulated: no cluster was placed, and 200 MHz is assumed. Ternip (Alveo',
      'U250, 370M, 24 lanes) reports 1,943 tokens/s measured on silicon; its clock is not known to us.',
    ],
  };
}

function formats({ formats: rows }: Report, rtl: RtlReport | undefined): Section {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  const most = rows.find(({ model, cores }) => model === '1.3B' && cores === 26)!;
  const peakShare = (format: 'pairs' | 'trits') =>
    (most[format].bytesPerToken * most[format].tokensPerSecond) / (channelBandwidth * 1e9 * most.channels);
  return {
    title: 'Two bits a weight, or five trits a byte',
    head: [
      ...['model', 'cores', 'channels', 'MHz', 'MB of weights a token: 2 bits', '1.6 bits'],
      ...['tokens/s: 2 bits', '1.6 bits', 'gain'],
    ],
    rows: rows.map(({ model, cores, channels, clockMHz, pairs, trits }) => [
      ...[model, String(cores), String(channels), String(clockMHz)],
      ...[megabytes(pairs.bytesPerToken), megabytes(trits.bytesPerToken)],
      ...[pairs.tokensPerSecond.toFixed(1), trits.tokensPerSecond.toFixed(1)],
      `${(trits.tokensPerSecond / pairs.tokensPerSecond).toFixed(2)} ×`,
    ]),
    notes: [
      'One sequence, simulated like the tables above. With five trits a byte a core meets 20 columns a beat instead of 16, so',
      'a beat is worth 1.25 times as much, less what columns that are no multiple of 20 leave empty. Memory gives more or less',
      `of its peak to the other addresses: 26 streams of 1.3B get ${percent(peakShare('pairs'))} of four channels with two bits, ${percent(peakShare('trits'))} with trits.`,
      ...tritsCore(rtl),
    ],
  };
}

function tritsCore(rtl: RtlReport | undefined): string[] {
  if (!rtl || rtl.trits.units.length === 0) return [];
  const cores = rtl.trits.units.map((unit) => {
    const pairs = rtl.units.find(({ target, module }) => target === unit.target && module === unit.module);
    return `${unit.logic} ${unit.units.logic} instead of ${pairs?.logic} (${unit.target})`;
  });
  const { estimate } = rtl.trits;
  const path = estimate
    ? [`Its longest path is estimated at ${estimate.nanoseconds.toFixed(2)} ns on 7-series.`]
    : [];
  return [`A core takes ${cores.join(', ')}, and no multiplier.`, ...path];
}

const resourceHead = (units: UnitResources['units']) => [
  ...['', units.logic, 'registers', units.multipliers, units.memoryBlocks],
];
const resourceCells = (name: string, amount: Resources) => [
  ...[name, String(amount.logic), String(amount.registers)],
  ...[String(amount.multipliers), String(amount.memoryBlocks)],
];

function resources(rtl: RtlReport | undefined): Section[] {
  if (!rtl) {
    const notes = [
      'Not told: they are in results/rtl.json of a clone of the repository, and the installed package has no copy. `--synthesis',
      'FILE` shows that file. In a clone, `npm --prefix rtl ci` and `npx node rtl/synthesise.ts` write it, in about half an hour.',
    ];
    return [{ title: 'Resources after synthesis', notes }];
  }
  const byTarget = Map.groupBy(rtl.units, ({ target }) => target);
  const unitCount = Math.max(...[...byTarget.values()].map(({ length }) => length));
  const tables = [...byTarget].map(([target, units]): Section => {
    const complete = units.length === unitCount;
    return {
      title: `Resources: ${target}`,
      head: resourceHead(units[0]!.units),
      rows: [
        ...units.map((unit) => resourceCells(unit.perCore ? `${unit.module}, each core` : unit.module, unit)),
        ...(complete ? coreCounts : []).map((cores) =>
          resourceCells(
            `cluster of ${cores === 1 ? '1 core' : `${cores} cores`}`,
            clusterResources(units, cores),
          ),
        ),
      ],
      notes: complete
        ? []
        : ['Synthesis was stopped here: `npx node rtl/synthesise.ts` in a clone continues.'],
    };
  });
  const note = [
    `Each unit by itself, ${rtl.tool}, vectors of 8192 elements, FIFOs of 256 beats; a cluster is the sum of its units.`,
    'Collector and arbiter count as for one core: for N, results pass a multiplexer of N words, some hundred LUTs a core.',
    'No ternary core has a multiplier.',
  ];
  return [...tables, deviceFit(rtl), delays(rtl), { title: 'The clock', notes: [...note, ...clock(rtl)] }];
}

function delays({ estimates }: RtlReport): Section {
  return {
    title: 'Longest paths, estimated for 7-series',
    head: ['', 'ns', 'MHz'],
    rows: estimates.map(({ module, nanoseconds }) => [
      ...[module, nanoseconds.toFixed(2), (1000 / nanoseconds).toFixed(0)],
    ]),
    notes: ["ABC9's estimate of each unit by itself, before placement. Wires between units come on top."],
  };
}

function deviceFit({ units }: RtlReport): Section {
  const fits = devices.flatMap((device) => fitOf(device, units) ?? []);
  return {
    title: 'Devices',
    head: ['', 'cores that fit', 'one core: logic', 'multipliers', 'memory blocks'],
    rows: fits.map(({ device, cores, oneCore }) => [
      ...[device.name, cores === 0 ? 'none' : String(cores)],
      ...[percent(oneCore.logic), percent(oneCore.multipliers), percent(oneCore.memoryBlocks)],
    ]),
    notes: [
      'Estimates by counting cells against the data sheets, with 15 % of the logic left for routing; no device of this',
      'table was placed, and the instruction memory, the host port and a memory controller come on top.',
    ],
  };
}

function clock({ reducedCore, onChip, placed }: RtlReport): string[] {
  return [
    ...(placed ? placedNotes(placed) : onChip ? onChipNotes(onChip) : []),
    ...(reducedCore ? coreNotes(reducedCore) : []),
  ];
}

function placedNotes({ device, clocksMHz, used, available, run, tool }: PlacedDesign): string[] {
  const best = Math.max(...clocksMHz);
  const speed = (best * 1e6) / run.cyclesPerToken;
  const clocks = clocksMHz.map((clock) => clock.toFixed(1)).join(', ');
  const of = (key: keyof Resources) => `${used[key]} of ${available[key]}`;
  return [
    'A whole accelerator with 128 KiB of memory on the chip (`pm_on_chip`: one core, words of four elements, one lane in the',
    `row-wise unit, vectors of 2048 elements), placed and routed on an ${device} (${tool}): ${clocks} MHz with ${clocksMHz.length === 1 ? 'one seed' : `${clocksMHz.length} seeds`} of the placer,`,
    `${of('logic')} LUT4, ${of('registers')} registers, ${of('multipliers')} multipliers, ${of('memoryBlocks')} memory blocks.`,
    `The tests' model (width ${run.width}, ${run.layers} layers, vocabulary ${run.vocabulary}) takes ${run.cyclesPerToken} cycles a token on it: ${speed.toFixed(0)} tokens/s at ${best.toFixed(1)} MHz.`,
  ];
}

function onChipNotes({ logic, registers, multipliers, memoryBlocks }: Resources): string[] {
  return [
    'A whole accelerator with 128 KiB of memory on the chip (`pm_on_chip`: one core, words of four elements, one lane in the',
    `row-wise unit, vectors of 2048 elements) takes ${logic} LUT4, ${registers} registers, ${multipliers} multipliers and ${memoryBlocks} memory blocks of an ECP5-85F`,
    'after synthesis.',
  ];
}

function coreNotes({ device, rows, logicCells, logicCellsOfDevice, clockMHz, tool }: PlacedCore): string[] {
  return [
    `A ternary core of ${rows} rows, placed and routed on a Lattice ${device} (${tool}): ${clockMHz.toFixed(0)} MHz, ${logicCells} of`,
    `${logicCellsOfDevice} logic cells. That device is small and slow; the multipliers of the row-wise unit, which it lacks, were`,
    'not placed. This clock is therefore measured for a part of a core, and for no cluster.',
  ];
}

export function plain(sections: readonly Section[]): string {
  const parts = sections.map(({ title, head, rows, notes }) => [
    ...[title, ''],
    ...(head && rows ? [...formatTable(head, rows), ''] : []),
    ...notes,
  ]);
  return `${parts.map((lines) => lines.join('\n').trimEnd()).join('\n\n')}\n`;
}

/** @param figures file names, by the sections' names for them */
export function markdown(sections: readonly Section[], figures: Readonly<Record<string, string>>): string {
  const parts = sections.map(({ title, head, rows, notes, figure }) => [
    ...[`## ${title}`, ''],
    ...(figure ? [`![${title}](${figures[figure]})`, ''] : []),
    ...(head && rows ? [...markdownTable(head, rows), ''] : []),
    ...notes,
  ]);
  const body = parts.map((lines) => lines.join('\n').trimEnd()).join('\n\n');
  return `# The accelerator, simulated\n\nWritten by \`plusminus accelerator report\`.\n\n${body}\n`;
}
