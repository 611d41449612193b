/** Helpers of the tests in this folder. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { type ParameterSpec, type Storage, scaleName } from '../model/parameters.ts';
import { byteSize, type DType } from '../program/tensor.ts';
import type { ParameterStore } from './parameterStore.ts';
import type { StoredDType } from './safetensors.ts';
import type { TensorSource } from './tensorSource.ts';
import type { TensorEntry } from './writeSafetensors.ts';

/** A small model computed by the released code: vocabulary 96, width 64, 2 layers. */
export const golden = fileURLToPath(new URL('../../test/fixtures/golden/mmfree-tiny', import.meta.url));

/** An empty folder that is removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'plusminus-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The parameters of a MatMul-free model of these sizes. */
export function specsOf(sizes: {
  vocab: number;
  hidden: number;
  inner: number;
  layers: number;
}): ParameterSpec[] {
  const { vocab, hidden, inner, layers } = sizes;
  const specs: ParameterSpec[] = [];
  const normal = { normal: 0.02 };
  const add = (role: ParameterSpec['role'], name: string, ...shape: number[]) =>
    specs.push({ name, shape, role, init: role === 'vector' ? { constant: 1 } : normal });
  const bitLinear = (name: string, out: number, inputs: number) => {
    add('ternary', `${name}.weight`, out, inputs);
    add('vector', `${name}.norm.weight`, inputs);
  };
  add('embedding', 'model.embeddings.weight', vocab, hidden);
  add('vector', 'model.lower_bounds', layers, hidden);
  for (let k = 0; k < layers; k++) {
    const layer = `model.layers.${k}`;
    add('vector', `${layer}.attn_norm.weight`, hidden);
    for (const gate of ['i', 'f', 'g', 'o']) bitLinear(`${layer}.attn.${gate}_proj`, hidden, hidden);
    add('vector', `${layer}.attn.g_norm.weight`, hidden);
    add('vector', `${layer}.mlp_norm.weight`, hidden);
    bitLinear(`${layer}.mlp.gate_proj`, 2 * inner, hidden);
    bitLinear(`${layer}.mlp.down_proj`, hidden, inner);
  }
  add('vector', 'model.norm.weight', hidden);
  bitLinear('lm_head', vocab, hidden);
  return specs;
}

export const goldenSpecs = specsOf({ vocab: 96, hidden: 64, inner: 256, layers: 2 });

/** A store in plain memory. Bytes start as 0xAA, so that unwritten ones are visible. */
export class MemoryStore implements ParameterStore {
  readonly dtypes = new Map<string, DType>();
  readonly complete = new Set<string>();
  readonly #bytes = new Map<string, Uint8Array>();
  readonly #shapes: Map<string, readonly number[]>;

  constructor(specs: readonly ParameterSpec[]) {
    this.#shapes = new Map(specs.map(({ name, shape }) => [name, shape]));
    for (const { name, role, shape } of specs) {
      if (role === 'ternary') this.#shapes.set(scaleName(name), [1]);
      if (role === 'embedding') this.#shapes.set(scaleName(name), [shape[0]!]);
    }
  }

  prepare(name: string, storage: Storage): void {
    if (typeof storage === 'object') {
      const [rows, columns] = this.#shapes.get(name) as [number, number];
      this.#shapes.set(scaleName(name), [rows, columns / storage.group]);
    }
    const dtype = typeof storage === 'object' ? storage.codes : storage;
    this.dtypes.set(name, dtype);
    this.#bytes.set(name, new Uint8Array(byteSize(dtype, this.#shapes.get(name)!)).fill(0xaa));
  }

  bytes(name: string): Uint8Array {
    return this.#bytes.get(name)!;
  }

  written(name: string): void {
    this.complete.add(name);
  }

  floats(name: string): Float32Array {
    return new Float32Array(this.bytes(name).slice().buffer);
  }
}

/** A source in memory. */
export function memorySource(tensors: readonly TensorEntry[]): TensorSource {
  const bytes = new Map(
    tensors.map(({ name, chunks }) => [name, Buffer.concat([...(chunks() as Iterable<Uint8Array>)])]),
  );
  return {
    location: 'memory',
    tensors: new Map(
      tensors.map(({ name, dtype, shape }) => [name, { dtype, shape, byteLength: bytes.get(name)!.length }]),
    ),
    async readInto(name, target, start = 0) {
      target.set(bytes.get(name)!.subarray(start, start + target.length));
    },
  };
}

/** A tensor of the given numbers' bytes. */
export function entry(
  name: string,
  dtype: StoredDType,
  shape: readonly number[],
  values: Float32Array | Uint16Array | Uint8Array | Int8Array,
): TensorEntry {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { name, dtype, shape, chunks: () => [bytes] };
}

/** A file of a header (any JSON value, or text as it is) and data. */
export async function writeRaw(
  path: string,
  header: unknown,
  data: Uint8Array = new Uint8Array(0),
): Promise<string> {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
  await writeFile(path, Buffer.concat([length, text, data]));
  return path;
}

export async function sameBytes(a: string, b: string): Promise<boolean> {
  return (await readFile(a)).equals(await readFile(b));
}
