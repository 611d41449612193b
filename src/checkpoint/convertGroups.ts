/**
 * Float checkpoints of models without ternary matrices of their own, whose matrices are codes times scales for groups
 * (see packingGroups.ts): each becomes rows of codes and scales, as groupedRows.ts describes them.
 */
import { bytesOf } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import { offsetName, type ParameterSpec, scaleName } from '../model/parameters.ts';
import { f32ToF16 } from './floats.ts';
import { codesPerByte, isGrouped, packRowsOfCodes, readGroupedFloats } from './groupedRows.ts';
import type { ReadRows } from './packing.ts';
import {
  type RecognisedGroups,
  readSigns,
  recogniseGroups,
  refuseDeviation,
  smallestGroup,
} from './packingGroups.ts';
import { floatReader, isFloat, type Report, type TensorSource, tensorLabel } from './tensorSource.ts';
import type { TensorEntry } from './writeSafetensors.ts';

/** Float matrices of a model that may be codes times scales. Each is read twice: to be recognised, and to be packed. */
export function possiblyGrouped(source: TensorSource, specs: readonly ParameterSpec[]): ParameterSpec[] {
  return specs.filter(({ name, role, shape }) => {
    const info = source.tensors.get(name);
    const isMatrix = role === 'matrix' || role === 'embedding';
    return isMatrix && info !== undefined && isFloat(info.dtype) && shape[1]! % smallestGroup === 0;
  });
}

/**
 * What the model's matrices become, by name. An embedding and a head that are ordinary floats are left out.
 * @throws InputError if another matrix is not codes times scales, with its first entry that deviates
 */
export async function groupedEntries(
  source: TensorSource,
  specs: readonly ParameterSpec[],
  report: Report,
): Promise<ReadonlyMap<string, readonly TensorEntry[]>> {
  const entries = new Map<string, readonly TensorEntry[]>();
  for (const { name, role, shape } of possiblyGrouped(source, specs)) {
    const [rows, columns] = shape as [number, number];
    const found = await recogniseGroups(readerOf(source, name, columns, report), rows, columns);
    if ('type' in found) entries.set(name, entriesOf(source, name, [rows, columns], found, report));
    else if (role === 'matrix' && name !== 'lm_head.weight')
      refuseDeviation(found, tensorLabel(source, name));
  }
  if (entries.size > 0 || specs.some(({ name }) => isGrouped(source, name))) return entries;
  throw new InputError(
    `${source.location}: to: found packed, but the model has no matrices that are ternary or binary; ` +
      'expected f32, f16 or bf16',
  );
}

/** What was found, for people: `197 float matrices were ternary codes …: packed exactly`. */
export function describeGroups(
  specs: readonly ParameterSpec[],
  entries: ReadonlyMap<string, readonly TensorEntry[]>,
): string[] {
  const forms = specs.flatMap(({ name, shape }) => {
    const [codes, scales] = entries.get(name) ?? [];
    if (!codes || !scales) return [];
    const type = shape[1]! / codes.shape[1]! === codesPerByte.binary ? 'binary' : 'ternary';
    return [`${type} codes with a scale for each ${shape[1]! / scales.shape[1]!} weights of a row`];
  });
  return [...Map.groupBy(forms, (form) => form)].map(
    ([form, { length }]) =>
      `${length} float ${length === 1 ? 'matrix was' : 'matrices were'} ${form}: packed exactly`,
  );
}

/** What matrices that are stored as codes and scales become where all is to be floats; their scales and offsets, nothing. */
export function expandedGroups(
  source: TensorSource,
  specs: readonly ParameterSpec[],
  report: Report,
): ReadonlyMap<string, readonly TensorEntry[]> {
  const grouped = specs.filter(({ name }) => isGrouped(source, name));
  return new Map(
    grouped.flatMap((spec) => {
      async function* chunks() {
        for await (const floats of readGroupedFloats(source, spec, report)) yield bytesOf(floats);
      }
      const entry = { name: spec.name, dtype: 'F32', shape: spec.shape, chunks } as const;
      return [
        [spec.name, [entry]],
        [scaleName(spec.name), []],
        [offsetName(spec.name), []],
      ];
    }),
  );
}

function readerOf(source: TensorSource, name: string, columns: number, report: Report): ReadRows {
  const read = floatReader(source, name, report);
  return (first, count) => read(first * columns, count * columns);
}

function entriesOf(
  source: TensorSource,
  name: string,
  [rows, columns]: readonly [number, number],
  { type, group, scales, halves }: RecognisedGroups,
  report: Report,
): TensorEntry[] {
  async function* codes() {
    const reader = readerOf(source, name, columns, report);
    for await (const signs of readSigns(reader, rows, columns)) yield packRowsOfCodes(signs, type);
  }
  const stored = halves ? f32ToF16(scales, new Uint16Array(scales.length)) : scales;
  return [
    { name, dtype: 'U8', shape: [rows, columns / codesPerByte[type]], chunks: codes },
    {
      ...{ name: scaleName(name), dtype: halves ? 'F16' : 'F32', shape: [rows, columns / group] },
      chunks: () => [bytesOf(stored)],
    },
  ];
}
