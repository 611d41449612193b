/** Loads matrices of codes with a scale for each group of neighbours in a row: see groupedRows.ts. */
import { bytesOf } from '../engine/engine.ts';
import { offsetName, type ParameterSpec, scaleName } from '../model/parameters.ts';
import { clearCodes, packPackedRows, packScales } from '../ops/groupedLinear/packed.ts';
import { byteSize, elementCount } from '../program/tensor.ts';
import { groupedForm, hasOffsets, readGroupedFloats, readPackedRows, readScaleRows } from './groupedRows.ts';
import type { Step } from './load.ts';
import { put, storage } from './parameterStore.ts';
import { expectTensor, type TensorSource } from './tensorSource.ts';

/** Into the form in which engines compute with them. */
export function grouped(source: TensorSource, spec: ParameterSpec): Step {
  const { name, shape } = spec;
  const form = groupedForm(source, spec);
  const scalesShape = [shape[0]!, shape[1]! / form.group];
  return {
    parameters: [
      [name, form],
      [scaleName(name), form.scales],
      ...(form.offsets ? ([[offsetName(name), form.offsets]] as const) : []),
    ],
    bytesToRead: bytesToRead(source, name),
    async load(store, report, scratch) {
      const loadNumbers = async (tensor: string, type: 'f16' | 'f32') => {
        // In the memory of the store, which may move while a chunk is read: a copy of a table would take 80 MB.
        const ofStore = () => numbersOf(storage(store, tensor, byteSize(type, scalesShape)), type);
        for await (const { firstRow, scales } of readScaleRows(source, tensor, report, scratch)) {
          packScales(form.codes, scalesShape, scales, firstRow, ofStore());
        }
        store.written(tensor);
      };
      await loadNumbers(scaleName(name), form.scales);
      if (form.offsets) await loadNumbers(offsetName(name), form.offsets);

      const target = () => storage(store, name, byteSize(form.codes, shape));
      clearCodes(form.codes, target());
      for await (const { firstRow, bytes } of readPackedRows(source, spec, form.codes, report, scratch)) {
        packPackedRows(form.codes, shape, bytes, firstRow, target());
      }
      store.written(name);
    },
  };
}

function numbersOf({ buffer, byteOffset, length }: Uint8Array, type: 'f16' | 'f32') {
  return type === 'f16'
    ? new Uint16Array(buffer, byteOffset, length / 2)
    : new Float32Array(buffer, byteOffset, length / 4);
}

/** Into floats, for training. */
export function groupedAsF32(source: TensorSource, spec: ParameterSpec): Step {
  const { name, shape } = spec;
  groupedForm(source, spec); // refuses what is unsound before anything is read
  return {
    parameters: [[name, 'f32']],
    bytesToRead: bytesToRead(source, name),
    async load(store, report) {
      let start = 0;
      for await (const floats of readGroupedFloats(source, spec, report)) {
        put(store, name, bytesOf(floats), start, 4 * elementCount(shape));
        start += floats.byteLength;
      }
      store.written(name);
    },
  };
}

function bytesToRead(source: TensorSource, name: string): number {
  const names = [name, scaleName(name), ...(hasOffsets(source, name) ? [offsetName(name)] : [])];
  return names.reduce((sum, one) => sum + expectTensor(source, one).byteLength, 0);
}
