/**
 * Loads parameters from a checkpoint into an engine's memory, in the type that the engine uses. Float and packed
 * checkpoints both load in both modes.
 */
import { bytesOf } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import { show } from '../json.ts';
import { fillFixed, offsetName, type ParameterSpec, type Storage, scaleName } from '../model/parameters.ts';
import { byteSize, elementCount, packedRows } from '../program/tensor.ts';
import { firstNonFinite } from './floats.ts';
import { isGrouped } from './groupedRows.ts';
import { grouped, groupedAsF32 } from './loadGrouped.ts';
import { checkPacked, quantiseMatrix } from './packing.ts';
import { type ParameterStore, put, storage, writeFloat } from './parameterStore.ts';
import { Scratch } from './scratch.ts';
import {
  chunkElements,
  expectTensor,
  type FloatDType,
  floatReader,
  isFloat,
  type Progress,
  progressReport,
  type Report,
  rawChunks,
  readExpanded,
  readInt8Rows,
  readRowScales,
  readScale,
  type TensorSource,
  tensorLabel,
} from './tensorSource.ts';

export interface LoadOptions {
  /**
   * `inference`: a ternary matrix becomes two parameters, `….weight` packed and `….weight_scale` f32 [1]. Embeddings and
   * dense matrices keep their stored form; int8 rows of an embedding have `….weight_scale` f32 [rows], codes with a
   * scale for each group `….weight_scale` [rows, groups]. `training`:
   * everything becomes f32; packed matrices become floats that BitLinear quantises to the same values and scale again (see
   * `expandTernary`).
   */
  readonly mode: 'inference' | 'training';
  /** Bytes read of bytes to read; a float matrix to be quantised is read twice. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How one parameter is loaded. */
export interface Step {
  readonly parameters: readonly (readonly [name: string, storage: Storage])[];
  readonly bytesToRead: number;
  /** @param scratch for what is read, of one parameter after the other */
  load(store: ParameterStore, report: Report, scratch: Scratch): Promise<void>;
}

/**
 * @throws InputError if tensors are missing, unknown to the model, not finite, or of another shape or type; the signal's
 * reason if it is aborted
 */
export async function loadParameters(
  source: TensorSource,
  specs: readonly ParameterSpec[],
  store: ParameterStore,
  options: LoadOptions,
): Promise<void> {
  refuseMissing(source, specs);
  refuseExtra(source, specs);
  const steps = specs.map((spec) => planStep(source, spec, options.mode));
  const total = steps.reduce((sum, step) => sum + step.bytesToRead, 0);
  const report = progressReport(total, options.onProgress, options.signal);
  for (const [name, kind] of steps.flatMap((step) => step.parameters)) store.prepare(name, kind);
  const scratch = new Scratch();
  try {
    for (const step of steps) await step.load(store, report, scratch);
  } finally {
    scratch.free();
  }
}

/** What each parameter becomes in memory for inference. @throws InputError as loading does, but for unsound numbers */
export function storedForms(
  source: TensorSource,
  specs: readonly ParameterSpec[],
): ReadonlyMap<string, Storage> {
  refuseMissing(source, specs);
  return new Map(specs.flatMap((spec) => planStep(source, spec, 'inference').parameters));
}

function planStep(source: TensorSource, spec: ParameterSpec, mode: LoadOptions['mode']): Step {
  if (isLeftOut(source, spec)) return asInitialised(spec);
  if (spec.role === 'ternary') {
    if (!isPacked(source, spec.name))
      return mode === 'inference' ? quantised(source, spec) : asF32(source, spec);
    return mode === 'inference' ? packed(source, spec) : expanded(source, spec);
  }
  if (isMatrix(spec) && isGrouped(source, spec.name)) {
    return mode === 'inference' ? grouped(source, spec) : groupedAsF32(source, spec);
  }
  if (spec.role === 'embedding') {
    if (isInt8(source, spec.name))
      return mode === 'inference' ? int8Rows(source, spec) : int8AsF32(source, spec);
  }
  return spec.role !== 'vector' && mode === 'inference' ? asStored(source, spec) : asF32(source, spec);
}

function int8Rows(source: TensorSource, spec: ParameterSpec): Step {
  const { name, shape } = spec;
  const { byteLength } = expectShape(source, name, shape);
  const scales = expectRowScales(source, spec);
  return {
    parameters: [
      [name, 'i8'],
      [scaleName(name), 'f32'],
    ],
    bytesToRead: byteLength + scales.byteLength,
    async load(store, report) {
      const values = await readRowScales(source, name, report);
      storage(store, scaleName(name), scales.byteLength).set(bytesOf(values));
      store.written(scaleName(name));
      await source.readInto(name, storage(store, name, byteLength));
      store.written(name);
      report(byteLength);
    },
  };
}

function int8AsF32(source: TensorSource, spec: ParameterSpec): Step {
  const { name, shape } = spec;
  const { byteLength } = expectShape(source, name, shape);
  return {
    parameters: [[name, 'f32']],
    bytesToRead: byteLength + expectRowScales(source, spec).byteLength,
    async load(store, report) {
      const table = await readInt8Rows(source, name, report);
      storage(store, name, byteLength * 4).set(bytesOf(table));
      store.written(name);
    },
  };
}

function expectRowScales(source: TensorSource, { name, shape }: ParameterSpec) {
  return expectFloats(source, { name: scaleName(name), shape: [shape[0]!] });
}

function packed(source: TensorSource, spec: ParameterSpec): Step {
  const { name } = spec;
  const [rows, columns] = matrixShape(spec);
  const info = expectShape(source, name, [packedRows(rows), columns]);
  return {
    parameters: [
      [name, 'ternary'],
      [scaleName(name), 'f32'],
    ],
    bytesToRead: info.byteLength + expectTensor(source, scaleName(name)).byteLength,
    async load(store, report) {
      writeFloat(store, scaleName(name), await readScale(source, name, report));
      await source.readInto(name, storage(store, name, info.byteLength));
      checkPacked(storage(store, name, info.byteLength), rows, columns, tensorLabel(source, name));
      store.written(name);
      report(info.byteLength);
    },
  };
}

function quantised(source: TensorSource, spec: ParameterSpec): Step {
  const { name } = spec;
  const [rows, columns] = matrixShape(spec);
  const info = expectFloats(source, spec);
  return {
    parameters: [
      [name, 'ternary'],
      [scaleName(name), 'f32'],
    ],
    bytesToRead: 2 * info.byteLength,
    async load(store, report) {
      const read = floatReader(source, name, report);
      const readRows = (first: number, count: number) => read(first * columns, count * columns);
      const target = storage(store, name, byteSize('ternary', spec.shape));
      const scale = await quantiseMatrix(readRows, rows, columns, target, tensorLabel(source, name));
      store.written(name);
      writeFloat(store, scaleName(name), scale);
    },
  };
}

function expanded(source: TensorSource, spec: ParameterSpec): Step {
  const { name } = spec;
  const [rows, columns] = matrixShape(spec);
  const info = expectShape(source, name, [packedRows(rows), columns]);
  return {
    parameters: [[name, 'f32']],
    bytesToRead: info.byteLength + expectTensor(source, scaleName(name)).byteLength,
    async load(store, report) {
      let start = 0;
      for await (const chunk of readExpanded(source, name, rows, columns, report)) {
        storage(store, name, rows * columns * 4).set(bytesOf(chunk), start);
        start += chunk.byteLength;
      }
      store.written(name);
    },
  };
}

/** A parameter that the checkpoint leaves out. */
function asInitialised({ name, shape, init }: ParameterSpec): Step {
  return {
    parameters: [[name, 'f32']],
    bytesToRead: 0,
    async load(store) {
      const values = new Float32Array(elementCount(shape));
      fillFixed(values, init);
      storage(store, name, values.byteLength).set(bytesOf(values));
      store.written(name);
    },
  };
}

function asF32(source: TensorSource, spec: ParameterSpec): Step {
  const { name, shape } = spec;
  const size = elementCount(shape);
  const info = expectFloats(source, spec);
  return {
    parameters: [[name, 'f32']],
    bytesToRead: info.byteLength,
    async load(store, report) {
      const read = floatReader(source, name, report);
      for (let first = 0; first < size; first += chunkElements) {
        const chunk = await read(first, Math.min(chunkElements, size - first));
        refuseNonFinite(bytesOf(chunk), 'F32', tensorLabel(source, name), first);
        put(store, name, bytesOf(chunk), first * 4, size * 4);
      }
      store.written(name);
    },
  };
}

function asStored(source: TensorSource, spec: ParameterSpec): Step {
  const { name } = spec;
  const { dtype, byteLength } = expectFloats(source, spec);
  return {
    parameters: [[name, ({ F32: 'f32', F16: 'f16', BF16: 'bf16' } as const)[dtype]]],
    bytesToRead: byteLength,
    async load(store, report) {
      let start = 0;
      for await (const chunk of rawChunks(source, name, report)) {
        refuseNonFinite(chunk, dtype, tensorLabel(source, name), start / (dtype === 'F32' ? 4 : 2));
        put(store, name, chunk, start, byteLength);
        start += chunk.length;
      }
      store.written(name);
    },
  };
}

function refuseMissing(source: TensorSource, specs: readonly ParameterSpec[]): void {
  const wanted = specs
    .filter((spec) => !isLeftOut(source, spec))
    .flatMap((spec) => (hasScale(source, spec) ? [spec.name, scaleName(spec.name)] : [spec.name]));
  const missing = wanted.filter((name) => !source.tensors.has(name));
  if (missing.length === 0) return;
  throw new InputError(
    `${source.location}: the checkpoint lacks ${listed(missing)}; it has ${source.tensors.size} tensors`,
  );
}

/** Tables of rotary positions that older exporters stored; they follow from the config. */
const derivedBuffer = /(^|\.)rotary_emb\.(inv_freq|cos_cached|sin_cached)$/;

function refuseExtra(source: TensorSource, specs: readonly ParameterSpec[]): void {
  const known = new Set<string>();
  for (const spec of specs) {
    known.add(spec.name);
    if (hasScale(source, spec)) known.add(scaleName(spec.name));
    if (isMatrix(spec) && isGrouped(source, spec.name)) known.add(offsetName(spec.name));
  }
  // A copy of the embedding that some exporters store as the head of a model that ties the two.
  if (known.has('model.embed_tokens.weight')) known.add('lm_head.weight');
  const extra = [...source.tensors.keys()].filter((name) => !known.has(name) && !derivedBuffer.test(name));
  if (extra.length === 0) return;
  throw new InputError(
    `${source.location}: the checkpoint has ${listed(extra)}, unknown to the model of its config.json`,
  );
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 8).map((name) => `"${name}"`);
  const rest = names.length - shown.length;
  return `${names.length === 1 ? 'tensor' : `${names.length} tensors:`} ${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function isLeftOut(source: TensorSource, { name, optional = false }: ParameterSpec): boolean {
  return optional && !source.tensors.has(name);
}

/** Dense matrices and tables, which may be stored as grouped codes. */
function isMatrix({ role }: ParameterSpec): boolean {
  return role === 'matrix' || role === 'embedding';
}

function hasScale(source: TensorSource, spec: ParameterSpec): boolean {
  const { name, role } = spec;
  if (isMatrix(spec) && isGrouped(source, name)) return true;
  return role === 'ternary' ? isPacked(source, name) : role === 'embedding' && isInt8(source, name);
}

function isInt8(source: TensorSource, name: string): boolean {
  return source.tensors.get(name)?.dtype === 'I8';
}

function isPacked(source: TensorSource, name: string): boolean {
  return source.tensors.get(name)?.dtype === 'U8';
}

function matrixShape({ name, shape }: ParameterSpec): readonly [number, number] {
  const [rows, columns] = shape;
  if (shape.length === 2 && rows !== undefined && columns !== undefined) return [rows, columns];
  throw new RangeError(`parameter ${name}: a ternary matrix has shape [out, in], found [${shape}]`);
}

function expectShape(source: TensorSource, name: string, shape: readonly number[]) {
  const info = expectTensor(source, name);
  if (info.shape.length === shape.length && info.shape.every((size, k) => size === shape[k])) return info;
  throw new InputError(
    `${tensorLabel(source, name)}: found ${info.dtype} of shape ${show(info.shape)}, expected shape ${show(shape)}`,
  );
}

function expectFloats(source: TensorSource, { name, shape }: Pick<ParameterSpec, 'name' | 'shape'>) {
  const { dtype, byteLength } = expectShape(source, name, shape);
  if (isFloat(dtype)) return { dtype, byteLength };
  throw new InputError(`${tensorLabel(source, name)}: found type ${dtype}, expected F32, F16 or BF16`);
}

function refuseNonFinite(bytes: Uint8Array, dtype: FloatDType, where: string, first: number): void {
  const bits =
    dtype === 'F32'
      ? new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
      : new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  const wrong = firstNonFinite(bits, dtype);
  if (wrong < 0) return;
  throw new InputError(`${where}: element ${first + wrong} is NaN or infinite, expected a finite number`);
}
