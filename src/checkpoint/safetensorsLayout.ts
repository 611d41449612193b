/** Where the tensors of a safetensors file lie, and its header. */
import {
  bytesPerElement,
  formatHeader,
  type PlacedTensor,
  type StoredDType,
  storedBytes,
} from './safetensorsHeader.ts';

interface Described {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
}

/**
 * Wider types come first, otherwise in the given order, so that every tensor is aligned to its elements.
 * @throws RangeError for an impossible shape, or a name that is used twice or reserved
 */
export function layOut<T extends Described>(
  entries: readonly T[],
  metadata: Readonly<Record<string, string>>,
): { readonly ordered: readonly T[]; readonly header: Uint8Array<ArrayBuffer> } {
  const ordered = entries.toSorted((a, b) => bytesPerElement(b.dtype) - bytesPerElement(a.dtype));
  const placed = new Map<string, PlacedTensor>();
  let offset = 0;
  for (const { name, dtype, shape } of ordered) {
    const byteLength = storedBytes(dtype, shape);
    if (Number.isNaN(byteLength)) throw new RangeError(`tensor "${name}": impossible shape [${shape}]`);
    if (placed.has(name) || name === '__metadata__') {
      throw new RangeError(`tensor "${name}": expected a name of its own, found one used twice or reserved`);
    }
    placed.set(name, { dtype, shape, byteLength, offset });
    offset += byteLength;
  }
  return { ordered, header: formatHeader(placed, metadata) };
}
