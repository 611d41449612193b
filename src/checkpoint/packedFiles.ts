/** A trained model as the files of a packed model folder, in memory: what a page keeps and hands on. */
import { bytesOf } from '../engine/engine.ts';
import { architectureOf } from '../model/architecture.ts';
import type { MatMulFreeConfig } from '../model/config.ts';
import { type ParameterSpec, scaleName } from '../model/parameters.ts';
import { packedRows } from '../program/tensor.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';
import { formatConfig } from './huggingFaceConfig.ts';
import { quantiseMatrix } from './packing.ts';
import type { StoredDType } from './safetensorsHeader.ts';
import { layOut } from './safetensorsLayout.ts';

interface StoredTensor {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** The floats of a parameter. */
export type ReadParameter = (name: string) => Promise<Float32Array>;

/**
 * Ternary matrices are packed to two bits a weight, everything else stays f32, so that the model computes what the
 * trained one does.
 * @throws InputError for a weight to pack that is not finite
 */
export async function packedFiles(
  config: MatMulFreeConfig,
  { json, config: tokenizerConfig }: TextTokenizer,
  read: ReadParameter,
): Promise<readonly { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> }[]> {
  const tensors: StoredTensor[] = [];
  for (const spec of architectureOf(config).parameters()) tensors.push(...(await stored(spec, read)));
  // Hugging Face's loader requires this mark.
  const { ordered, header } = layOut(tensors, { format: 'pt' });
  return [
    { name: 'config.json', bytes: textBytes(formatConfig(config)) },
    { name: 'model.safetensors', bytes: joined([header, ...ordered.map(({ bytes }) => bytes)]) },
    { name: 'tokenizer.json', bytes: textBytes(json) },
    { name: 'tokenizer_config.json', bytes: textBytes(tokenizerConfig) },
  ];
}

async function stored({ name, shape, role }: ParameterSpec, read: ReadParameter): Promise<StoredTensor[]> {
  const floats = await read(name);
  if (role !== 'ternary') return [{ name, dtype: 'F32', shape, bytes: bytesOf(floats) }];
  const [rows, columns] = shape as [number, number];
  const codes = new Uint8Array(packedRows(rows) * columns);
  const rowsOf = async (first: number, count: number) =>
    floats.subarray(first * columns, (first + count) * columns);
  const scale = await quantiseMatrix(rowsOf, rows, columns, codes, name);
  return [
    { name, dtype: 'U8', shape: [packedRows(rows), columns], bytes: codes },
    { name: scaleName(name), dtype: 'F32', shape: [1], bytes: bytesOf(Float32Array.of(scale)) },
  ];
}

function textBytes(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${JSON.stringify(value, undefined, 1)}\n`);
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
