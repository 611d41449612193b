/** A checkpoint's tensors as tensors of a GGUF file, each in the type that holds it exactly. */
import { bytesOf } from '../../engine/engine.ts';
import { InputError } from '../../errors.ts';
import { architectureOf } from '../../model/architecture.ts';
import type { DecoderConfig } from '../../model/config.ts';
import { offsetName, type ParameterSpec, scaleName } from '../../model/parameters.ts';
import { elementCount } from '../../program/tensor.ts';
import type { Checkpoint } from '../checkpoint.ts';
import { f16Number, f32ToF16 } from '../floats.ts';
import { groupedForm, isGrouped, readCodes, readGroupedFloats, readGroupScales } from '../groupedRows.ts';
import { quantiseMatrix, ternaryScale, unpackTernary } from '../packing.ts';
import { bytesPerElement } from '../safetensorsHeader.ts';
import { floatReader, isFloat, type Report, readInt8Rows, readScale, tensorLabel } from '../tensorSource.ts';
import { i2Blocks, i2Scale, scaledGroups, tq2Blocks } from './encode.ts';
import { ggufArchitecture } from './exportModel.ts';
import { ggufName, isRotated } from './tensorNames.ts';
import type { TypeName } from './types.ts';
import type { GgufTensor } from './writeGguf.ts';

/** A matrix whose rows are made one head after the other. */
interface Source {
  readonly type: TypeName;
  /** All rows, in the order of the checkpoint, each of the same number of bytes; then what follows all of them. */
  rows(): Promise<{ readonly bytes: Uint8Array; readonly after?: Uint8Array }>;
}

export function exportedTensors(source: Checkpoint, config: DecoderConfig, report: Report): GgufTensor[] {
  return architectureOf(config)
    .parameters()
    .filter(({ name, optional }) => !(optional && !source.tensors.has(name)))
    .flatMap((spec) => exportedTensor(source, spec, config, report));
}

function exportedTensor(
  source: Checkpoint,
  spec: ParameterSpec,
  config: DecoderConfig,
  report: Report,
): GgufTensor[] {
  const name = ggufName(spec.name);
  const turned = config.modelType === 'llama' && isRotated(name);
  const made = (type: TypeName, rows: Source['rows']): GgufTensor => ({
    ...{ name, type, dimensions: spec.shape.toReversed() },
    async *chunks() {
      const { bytes, after } = await rows();
      yield turned ? inPairs(bytes, spec.shape[0]!, config.headSize) : bytes;
      if (after) yield after;
    },
  });
  if (spec.role === 'ternary') return ternaryTensors(source, spec, config, made, report);
  if (isGrouped(source, spec.name)) return [groupedTensor(source, spec, made, report)];
  return [floatTensor(source, spec, made, report)];
}

/** Rows of each head such that those that rotate together are neighbours, as llama.cpp's Llama has them. */
function inPairs(bytes: Uint8Array, rows: number, headRows: number): Uint8Array {
  const width = bytes.length / rows;
  const turned = new Uint8Array(bytes.length);
  const half = headRows / 2;
  for (let row = 0; row < rows; row++) {
    const within = row % headRows;
    const target = row - within + 2 * (within % half) + Math.floor(within / half);
    turned.set(bytes.subarray(row * width, (row + 1) * width), target * width);
  }
  return turned;
}

type Made = (type: TypeName, rows: Source['rows']) => GgufTensor;

function floatTensor(
  source: Checkpoint,
  { name, shape, role }: ParameterSpec,
  made: Made,
  report: Report,
): GgufTensor {
  const { dtype } = source.tensor(name);
  if (dtype === 'I8') {
    // Half-precision scales would change these rows, so they become floats.
    return made('F32', async () => ({
      bytes: new Uint8Array((await readInt8Rows(source, name, report)).buffer),
    }));
  }
  if (!isFloat(dtype))
    throw new InputError(`${tensorLabel(source, name)}: found type ${dtype}, expected floats`);
  const size = elementCount(shape);
  if (role !== 'vector') {
    return made(dtype, async () => {
      const bytes = new Uint8Array(size * bytesPerElement(dtype));
      await source.readInto(name, bytes);
      report(bytes.length);
      return { bytes };
    });
  }
  // llama.cpp computes norms with f32 only.
  return made('F32', async () => ({
    bytes: new Uint8Array((await floatReader(source, name, report)(0, size)).slice().buffer),
  }));
}

function groupedTensor(source: Checkpoint, spec: ParameterSpec, made: Made, report: Report): GgufTensor {
  const { codes: kind, group, scales: scaleType, offsets } = groupedForm(source, spec);
  const where = tensorLabel(source, spec.name);
  const types: Readonly<Record<string, TypeName>> = {
    ...{
      'ternary 256': 'TQ2_0',
      'ternary 128': 'Q2_0',
      'ternary 64': 'Q2_0',
      'binary 128': 'Q1_0',
      'u4 32': 'Q4_0',
      'i8 32': 'Q8_0',
    },
  };
  const type = types[`${kind} ${group}`];
  const isWide = kind === 'u4' || kind === 'i8';
  const isHeld = type !== undefined && scaleType === 'f16' && (offsets !== undefined) === (kind === 'u4');
  if (isWide && !isHeld) {
    // Of a table in Q4_K, Q5_K or Q6_K: their scales are products, which no type of GGUF holds.
    return made('F32', async () => {
      const floats: Uint8Array[] = [];
      for await (const part of readGroupedFloats(source, spec, report)) floats.push(bytesOf(part).slice());
      return { bytes: new Uint8Array(Buffer.concat(floats)) };
    });
  }
  if (type === undefined || scaleType !== 'f16') {
    throw new InputError(
      `${where}: found ${kind} codes with ${scaleType} scales for groups of ${group}, expected a form that GGUF holds ` +
        `exactly: f16 scales, and ${Object.keys(types).join(', ')}`,
    );
  }
  return made(type, async () => {
    const columns = spec.shape[1]!;
    const scales = f32ToF16(
      await readGroupScales(source, scaleName(spec.name), report),
      new Uint16Array(elementCount(spec.shape) / group),
    );
    if (offsets) expectMiddle(scales, await readGroupScales(source, offsetName(spec.name), report), where);
    const parts: Uint8Array[] = [];
    for await (const { firstRow, codes } of readCodes(source, spec, kind, report)) {
      const first = (firstRow * columns) / group;
      const own = scales.subarray(first, first + codes.length / group);
      if (type === 'TQ2_0') parts.push(tq2Blocks(codes, own));
      // Two blocks of 64 hold a group of 128, with the same scale.
      else if (type === 'Q2_0') parts.push(scaledGroups(codes, kind, 64, group === 64 ? own : doubled(own)));
      else parts.push(scaledGroups(codes, kind, group, own));
    }
    return { bytes: new Uint8Array(Buffer.concat(parts)) };
  });
}

/** Codes of four bits that Q4_0 holds stand for −8 to 7 times their scale. */
function expectMiddle(scales: Uint16Array, offsets: Float32Array, where: string): void {
  const wrong = offsets.findIndex((offset, k) => offset !== -8 * f16Number(scales[k]!));
  if (wrong < 0) return;
  throw new InputError(
    `${where}: found the offset ${offsets[wrong]} with the scale ${f16Number(scales[wrong]!)}, expected −8 times the scale, ` +
      'as in Q4_0; convert to f32 first',
  );
}

function doubled(scales: Uint16Array): Uint16Array {
  return Uint16Array.from({ length: 2 * scales.length }, (_, k) => scales[k >> 1]!);
}

/**
 * Matrices of one scale. llama.cpp's BitNet takes the scale as a tensor of its own, in f32, so that TQ2_0 with blocks of
 * scale 1 is exact; other architectures have I2_S, whose scale is f32.
 */
function ternaryTensors(
  source: Checkpoint,
  spec: ParameterSpec,
  config: DecoderConfig,
  made: Made,
  report: Report,
): GgufTensor[] {
  const [, columns] = spec.shape as readonly [number, number];
  if (ggufArchitecture(config) === 'bitnet') {
    expectColumns(source, spec.name, columns, 256, 'TQ2_0');
    const ones = new Uint16Array(elementCount(spec.shape) / 256).fill(0x3c00);
    const scale: GgufTensor = {
      ...{ name: ggufName(spec.name).replace(/weight$/, 'scale'), type: 'F32', dimensions: [1] },
      async *chunks() {
        yield new Uint8Array(Float32Array.of(await ternaryScaleOf(source, spec)).buffer);
      },
    };
    return [
      made('TQ2_0', async () => ({
        bytes: tq2Blocks((await ternaryCodes(source, spec, report)).codes, ones),
      })),
      scale,
    ];
  }
  expectColumns(source, spec.name, columns, 128, 'I2_S');
  return [
    made('I2_S', async () => {
      const { codes, scale } = await ternaryCodes(source, spec, report);
      return { bytes: i2Blocks(codes), after: i2Scale(scale) };
    }),
  ];
}

function expectColumns(
  source: Checkpoint,
  name: string,
  columns: number,
  block: number,
  type: TypeName,
): void {
  if (columns % block === 0) return;
  throw new InputError(
    `${tensorLabel(source, name)}: found ${columns} inputs, expected a multiple of ${block} for ${type}`,
  );
}

/** The codes of a ternary matrix, packed in the checkpoint or rounded now as training rounds them. */
async function ternaryCodes(source: Checkpoint, { name, shape }: ParameterSpec, report: Report) {
  const [rows, columns] = shape as readonly [number, number];
  const { dtype, byteLength } = source.tensor(name);
  const packed = new Uint8Array(Math.ceil(rows / 4) * columns);
  if (dtype === 'U8' && byteLength === packed.length) {
    await source.readInto(name, packed);
    report(byteLength);
    return { codes: unpackTernary(packed, rows, columns), scale: await readScale(source, name, report) };
  }
  const read = floatReader(source, name, report);
  const readRows = (first: number, count: number) => read(first * columns, count * columns);
  const scale = await quantiseMatrix(readRows, rows, columns, packed, tensorLabel(source, name));
  return { codes: unpackTernary(packed, rows, columns), scale };
}

/** The scale alone, read again: matrices are not kept. */
async function ternaryScaleOf(source: Checkpoint, { name, shape }: ParameterSpec): Promise<number> {
  const [rows, columns] = shape as readonly [number, number];
  if (source.tensor(name).dtype === 'U8') return readScale(source, name, () => {});
  const read = floatReader(source, name, () => {});
  const readRows = (first: number, count: number) => read(first * columns, count * columns);
  return ternaryScale(readRows, rows, columns, tensorLabel(source, name));
}
