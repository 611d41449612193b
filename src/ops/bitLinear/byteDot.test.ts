/** Products with dots of whole bytes, whose exactness for all bytes few machines have: bytes below 128 are exact on each. */
import { expect, it } from 'vitest';
import { loadKernelModule } from '../../engine/cpu/kernelFiles.ts';
import { instantiate } from '../../engine/cpu/module.js';
import type { KernelExports } from '../../engine/cpu/threadSetup.ts';
import { SeededRandom } from '../../text/seededRandom.ts';

const at = {
  args: 4096,
  steps: 8192,
  sums: 16384,
  scale: 24576,
  codes: 65536,
  q: 2 ** 20,
  y: 3 * 2 ** 20,
  workspace: 2 ** 22,
};

/** Elements of y that differ from plain sums, of a product of rows [rows, width] with a matrix [out, width]. */
function wrongElements(
  kernels: KernelExports,
  memory: WebAssembly.Memory,
  rows: number,
  width: number,
  out: number,
): number {
  const view = new DataView(memory.buffer);
  const random = new SeededRandom(5);
  const draw = (count: number) => Math.floor(random.uniform() * count);
  const [stride, packed] = [Math.ceil(width / 16) * 16, Math.ceil(out / 4)];
  const weights = Array.from({ length: 4 * packed }, () => new Int8Array(width));
  for (let row = 0; row < packed; row++) {
    for (let column = 0; column < width; column++) {
      const codes = [draw(3), draw(3), draw(3), draw(2)];
      codes.forEach((code, plane) => {
        weights[plane * packed + row]![column] = code - 1;
      });
      view.setUint8(
        at.codes + row * width + column,
        codes.reduce((byte, code, plane) => byte | (code << (2 * plane)), 0),
      );
    }
  }
  const q = new Int8Array(memory.buffer, at.q, rows * stride).fill(0);
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let column = 0; column < width; column++) {
      q[row * stride + column] = draw(255) - 127;
      sum += q[row * stride + column]!;
    }
    view.setFloat32(at.steps + 4 * row, 1, true);
    view.setInt32(at.sums + 4 * row, sum, true);
  }
  view.setFloat32(at.scale, 1, true);
  const args = [at.q, at.steps, at.sums, at.codes, at.scale, at.y, rows, width, stride, out];
  args.forEach((value, index) => {
    view.setInt32(at.args + 4 * index, value, true);
  });
  const y = new Float32Array(memory.buffer, at.y, rows * out).fill(Number.NaN);
  const ternaryProduct = (
    kernels as unknown as { ternaryProduct(args: number, piece: number, pieces: number): void }
  ).ternaryProduct;
  for (let piece = 0; piece < 3; piece++) ternaryProduct(at.args, piece, 3);
  return y.reduce((wrong, value, index) => {
    const [row, column] = [Math.floor(index / out), index % out];
    const expected = weights[column]!.reduce((sum, weight, k) => sum + weight * q[row * stride + k]!, 0);
    return wrong + (value === expected ? 0 : 1);
  }, 0);
}

/** One row, few rows, six at a time and what is left of them, more than a tile of rows; strides that are even vectors or not. */
const shapes = [
  [1, 100, 9],
  [1, 128, 9],
  [5, 64, 12],
  [6, 64, 40],
  [7, 200, 71],
  [13, 1030, 75],
  [13, 1024, 75],
  [130, 2048, 8],
] as const;

it.each(shapes.flatMap((shape) => [false, true].map((fuses) => [...shape, fuses] as const)))(
  '%i rows of %i columns to %i, vectors fused: %s',
  async (rows, width, out, fuses) => {
    const { module } = await loadKernelModule(false, true);
    const memory = new WebAssembly.Memory({ initial: 80, maximum: 65536 });
    const kernels = instantiate(module, memory, 0);
    kernels.setWorkspace(at.workspace);
    kernels.setByteDots(true);
    kernels.setFusesVectors(fuses);
    expect(wrongElements(kernels, memory, rows, width, out)).toBe(0);
  },
);
