/**
 * Makes complete WGSL from a dispatch. Declarations depend on where tensors lie, so they are made here: WebGPU forbids
 * binding one range of memory twice if either binding is writable, so when an output is written over an input, both
 * names must become one.
 */
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import type { Tensor } from '../../program/tensor.ts';
import type { DeviceFeatures } from './device.ts';
import { preludeFor } from './prelude.ts';

export interface AssembledShader {
  readonly source: string;
  /** Tensors of the bindings 1, 2, …; binding 0 holds the numbers. */
  readonly bindings: readonly Tensor[];
}

/** The place of a tensor: tensors with equal places share memory. */
export type PlaceKey = (tensor: Tensor) => string;

export function assembleShader(
  { shader, requires = [], code, tensors, types, numbers }: Dispatch,
  placeKey: PlaceKey,
  features: DeviceFeatures,
): AssembledShader {
  const boundAs = new Map<string, { readonly name: string; readonly type: string }>();
  const bindings: Tensor[] = [];
  const declarations = declareNumbers(numbers);
  let body = code;
  for (const [name, tensor] of Object.entries(tensors)) {
    if (!tensor) continue;
    const type = types?.[name] ?? elementType(tensor);
    const same = boundAs.get(placeKey(tensor));
    if (same) {
      if (same.type !== type) {
        throw new Error(
          `shader ${shader}: ${same.name} (${same.type}) and ${name} (${type}) share memory; expected one type`,
        );
      }
      body = renamed(body, name, same.name);
      continue;
    }
    boundAs.set(placeKey(tensor), { name, type });
    bindings.push(tensor);
    declarations.push(
      `@group(0) @binding(${bindings.length}) var<storage, read_write> ${name}: array<${type}>;`,
    );
  }
  const prelude = preludeFor(body, features);
  const enabled = [...new Set([...requires, ...prelude.requires])].map((name) => `enable ${name};`);
  return { source: [...enabled, ...declarations, prelude.code, body].join('\n'), bindings };
}

/** The numbers as the shader reads them: one 32-bit word each, padded to 16 bytes. */
export function numberBytes(numbers: Dispatch['numbers']): Uint8Array {
  const values = Object.values(numbers);
  const view = new DataView(new ArrayBuffer(Math.max(Math.ceil(values.length / 4), 1) * 16));
  values.forEach((value, index) => {
    if (typeof value === 'number') view.setUint32(4 * index, value, true);
    else view.setFloat32(4 * index, value.f32, true);
  });
  return new Uint8Array(view.buffer);
}

function declareNumbers(numbers: Dispatch['numbers']): string[] {
  const entries = Object.entries(numbers);
  if (entries.length === 0) return [];
  const members = entries.map(([name, value]) => `${name}: ${typeof value === 'number' ? 'u32' : 'f32'}`);
  return [`struct Numbers { ${members.join(', ')} }`, '@group(0) @binding(0) var<uniform> p: Numbers;'];
}

function elementType(tensor: Tensor): string {
  return tensor.dtype === 'f32' || tensor.dtype === 'i32' ? tensor.dtype : 'u32';
}

/** Replaces `name` where it is a whole identifier, not a member such as `id.x`. */
function renamed(code: string, name: string, to: string): string {
  return code.replaceAll(new RegExp(`(?<![.\\w])${name}(?!\\w)`, 'g'), to);
}
