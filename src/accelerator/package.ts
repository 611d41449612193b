/**
 * A compiled model in a folder: `program.s`, `program.mem`, `dram.bin` and `accelerator.json`, which says for
 * what machine it was compiled and where things lie.
 */
import fs from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { InputError } from '../errors.ts';
import { systemReason } from '../systemErrors.ts';
import { refuseWrongFile } from '../wrongFile.ts';
import { assemble } from './assembler.ts';
import type { Compiled } from './compile/compile.ts';
import { burstBytes, bytesOfBeat, checkSizes, type MachineSizes } from './parameters.ts';
import { formatMemory, formatRom, parseRom } from './romFile.ts';

const manifestFile = 'accelerator.json';
const [assemblyFile, romFile, memoryFile, hexFile] = ['program.s', 'program.mem', 'dram.bin', 'dram.mem'];

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const region = v.strictObject({ name: v.string(), address: count, beats: count });
const manifest = v.strictObject({
  format: v.literal(1),
  sizes: v.strictObject({
    cores: count,
    maxLength: count,
    fifo: count,
    outQueue: count,
    rom: count,
    batch: v.optional(count, 1),
    lanes: v.optional(count, 16),
    rowLanes: v.optional(count, 16),
    columns: v.optional(count, 16),
  }),
  vocabulary: count,
  logits: v.nullable(region),
  /** Absent in packages that older versions compiled. */
  states: v.optional(region),
  beats: count,
  streamBeats: count,
  regions: v.array(region),
});

/** A compiled model as `loadPackage` reads it from its folder. */
export interface Package {
  readonly sizes: MachineSizes;
  readonly program: readonly bigint[];
  readonly memory: Uint8Array;
  readonly vocabulary: number;
}

/**
 * Writes a compiled model to a folder, which `loadPackage` reads.
 * @param hex also writes DRAM as text for a test bench
 */
export async function savePackage(
  folder: string,
  compiled: Compiled,
  sizes: MachineSizes,
  { hex = false }: { readonly hex?: boolean } = {},
): Promise<void> {
  const { assembly, program, vocabulary, logits = null, states, beats, streamBeats, regions } = compiled;
  await fs.mkdir(folder, { recursive: true });
  const image = compiled.image();
  await fs.writeFile(join(folder, assemblyFile), assembly);
  await fs.writeFile(join(folder, romFile), formatRom(program));
  await fs.writeFile(join(folder, memoryFile), image);
  if (hex) await fs.writeFile(join(folder, hexFile), formatMemory(image, bytesOfBeat(sizes)));
  const content = { format: 1, sizes, vocabulary, logits, states, beats, streamBeats, regions };
  await fs.writeFile(join(folder, manifestFile), `${JSON.stringify(content, null, 2)}\n`);
}

/** @throws InputError if files are missing, damaged, or do not belong together */
export async function loadPackage(folder: string): Promise<Package> {
  const path = join(folder, manifestFile);
  const parsed = v.safeParse(manifest, parseJson(await readText(path), path));
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new InputError(`${path}: ${v.getDotPath(issue) ?? 'content'}: ${issue.message}`);
  }
  const { sizes, vocabulary, beats } = parsed.output;
  checkSizes(sizes);
  const program = parseRom(await readText(join(folder, romFile)), join(folder, romFile));
  const memory = await readMemory(join(folder, memoryFile), bytesOfBeat(sizes));
  const expected = beats * bytesOfBeat(sizes);
  if (memory.length !== expected) {
    throw new InputError(
      `${join(folder, memoryFile)}: found ${memory.length} bytes, expected ${expected} (${manifestFile})`,
    );
  }
  return { sizes, program, memory, vocabulary };
}

/** Bytes of DRAM that a program of one's own has at least. */
const ownBytes = 65536 * burstBytes;

/** A user's own program, assembly or instructions (`.mem`), with zeros behind its DRAM image if it has one. */
export async function loadOwnProgram(
  path: string,
  dram: string | undefined,
): Promise<{ readonly program: bigint[]; readonly memory: Uint8Array }> {
  const text = await readText(path);
  const program = path.endsWith('.mem') ? parseRom(text, path) : assemble(text, path);
  const image = dram === undefined ? new Uint8Array(0) : await readMemory(dram);
  if (image.length >= ownBytes) return { program, memory: image };
  const memory = new Uint8Array(ownBytes);
  memory.set(image);
  return { program, memory };
}

/** A DRAM image. */
export async function readMemory(path: string, beatBytes = burstBytes): Promise<Uint8Array> {
  const bytes = await readBytes(path, 'a DRAM image');
  if (bytes.length % beatBytes === 0) return bytes;
  throw new InputError(`${path}: found ${bytes.length} bytes, expected whole beats of ${beatBytes}`);
}

export async function readText(path: string): Promise<string> {
  return (await readBytes(path, 'text')).toString('utf8');
}

async function readBytes(path: string, expected: string): Promise<Buffer> {
  const bytes = await fs.readFile(path).catch((cause: Error) => {
    throw new InputError(`${path}: cannot be read: ${systemReason(cause)}`, { cause });
  });
  refuseWrongFile(bytes, path, expected);
  return bytes;
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InputError(`${path}: is not JSON: ${(cause as Error).message}`, { cause });
  }
}
