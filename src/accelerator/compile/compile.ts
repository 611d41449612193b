/** A model as the accelerator runs it: assembly, instructions, and the content of its DRAM. */
import { InputError } from '../../errors.ts';
import type { Program } from '../../program/record.ts';
import { assemble } from '../assembler.ts';
import { formatInstruction } from '../disassembler.ts';
import { instruction } from '../instructionSet.ts';
import { bytesOfBeat, checkSizes, type MachineSizes } from '../parameters.ts';
import type { Region } from './layout.ts';
import { type Constants, lower } from './lower.ts';
import type { Mode } from './mode.ts';
import { type Scheduled, schedule } from './schedule.ts';
import { beatsOf, writeStream } from './streams.ts';

export interface CompileOptions {
  readonly sizes: MachineSizes;
  /** Store logits in DRAM, besides handing out their arg-max. Default: true. */
  readonly logits?: boolean;
  /** Content of the slots. Default: decode. */
  readonly mode?: Mode;
  /** Cycles from a read to its response, which the order of instructions takes into account. */
  readonly latency?: number;
}

export interface Compiled {
  readonly assembly: string;
  readonly program: readonly bigint[];
  /** Regions of DRAM, in order. */
  readonly regions: readonly Region[];
  readonly logits: Region | undefined;
  /** The recurrent states of all layers: zeros at the start of a sequence. */
  readonly states: Region;
  /** Logits of a token. */
  readonly vocabulary: number;
  /** Beats of DRAM. */
  readonly beats: number;
  /** Beats of weights that core 0 streams for each step; no core streams more. */
  readonly streamBeats: number;
  /** DRAM before the first token. */
  image(): Uint8Array<ArrayBuffer>;
}

const maxStreamBeats = 2 ** 25 - 1;

/**
 * @param program one token of one sequence, as `recordStep(…, 1, 'last')` records it
 * @throws InputError if the model does not fit the machine
 */
export function compile(program: Program, constants: Constants, options: CompileOptions): Compiled {
  const { sizes, logits: wantsLogits = true, latency = 12, mode = 'decode' } = options;
  checkSizes(sizes);
  const lowered = lower(program, constants, { sizes, logits: wantsLogits, mode });
  const order = schedule(lowered.instructions, { sizes, latency });
  const { layout, logits } = lowered;
  const streams = placeStreams(order, sizes, lowered);
  const assembly = format(order, streams, mode);
  const words = assemble(assembly, 'compiled program');
  if (words.length > sizes.rom) {
    throw new InputError(
      `the program has ${words.length} instructions, expected at most ${sizes.rom} (the ROM); the model has too many layers`,
    );
  }
  return {
    ...{ assembly, program: words, regions: layout.regions, logits, beats: layout.beats },
    states: spanOf(lowered.states),
    vocabulary: vocabularyOf(program),
    streamBeats: streams[0]?.beats ?? 0,
    image: () => layout.image(),
  };
}

/** Adjacent regions as one. */
function spanOf(regions: readonly Region[]): Region {
  const address = regions[0]?.address ?? 0;
  return { name: 'states', address, beats: regions.reduce((sum, { beats }) => sum + beats, 0) };
}

function placeStreams(
  order: readonly Scheduled[],
  sizes: MachineSizes,
  { layout }: Pick<ReturnType<typeof lower>, 'layout'>,
): Region[] {
  const matrices = order.flatMap(({ source }) => source.matrix ?? []);
  return Array.from({ length: sizes.cores }, (_, core) => {
    const beats = matrices.reduce((total, matrix) => total + beatsOf(matrix, core, sizes), 0);
    if (beats > maxStreamBeats) {
      throw new InputError(
        `core ${core} would stream ${beats} beats a token, expected at most ${maxStreamBeats}`,
      );
    }
    return layout.place(`weights of core ${core}`, beats, (bytes) => {
      let at = 0;
      for (const matrix of matrices) {
        const size = beatsOf(matrix, core, sizes) * bytesOfBeat(sizes);
        writeStream(matrix, core, sizes, bytes.subarray(at, at + size));
        at += size;
      }
    });
  });
}

/** The loop over tokens: read one, start the streams, compute, hand one out. */
function format(order: readonly Scheduled[], streams: readonly Region[], mode: Mode): string {
  const lines = ['token:', '  tin done'];
  streams.forEach(({ address, beats }, core) => {
    if (beats === 0) return;
    lines.push(`  ${formatInstruction(instruction('wst', { core, addr: address, beats }))}`);
  });
  let comment = '';
  for (const { source, fields } of order) {
    const text = `  ${formatInstruction(instruction(source.name, fields))}`;
    lines.push(source.comment === comment ? text : `${text.padEnd(58)} ; ${source.comment}`);
    comment = source.comment;
  }
  if (mode === 'decode') lines.push('  tout');
  lines.push('  jmp token', 'done:', '  halt');
  return `${lines.join('\n')}\n`;
}

function vocabularyOf({ outputs }: Program): number {
  const [logits] = outputs;
  return logits!.shape.at(-1)!;
}
