/** Loads matrices of codes with a scale for each group of neighbours in a row: see groupedRows.ts. */
import { bytesOf } from '../engine/engine.ts';
import { type ParameterSpec, scaleName } from '../model/parameters.ts';
import { clearCodes, packPackedRows, packScales } from '../ops/groupedLinear/packed.ts';
import { byteSize, elementCount } from '../program/tensor.ts';
import { f32ToF16 } from './floats.ts';
import { groupedForm, readGroupedFloats, readGroupScales, readPackedRows } from './groupedRows.ts';
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
    ],
    bytesToRead: bytesToRead(source, name),
    async load(store, report) {
      const scales = await readGroupScales(source, name, report);
      const numbers = form.scales === 'f16' ? f32ToF16(scales, new Uint16Array(scales.length)) : scales;
      const placed = numbers.slice();
      packScales(form.codes, scalesShape, numbers, 0, placed);
      storage(store, scaleName(name), placed.byteLength).set(bytesOf(placed));
      store.written(scaleName(name));

      // In the memory of the store, which may move while a chunk is read: a copy of a table would take 80 MB.
      const target = () => storage(store, name, byteSize(form.codes, shape));
      clearCodes(form.codes, target());
      for await (const { firstRow, bytes } of readPackedRows(source, spec, form.codes, report)) {
        packPackedRows(form.codes, shape, bytes, firstRow, target());
      }
      store.written(name);
    },
  };
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
  return expectTensor(source, name).byteLength + expectTensor(source, scaleName(name)).byteLength;
}
