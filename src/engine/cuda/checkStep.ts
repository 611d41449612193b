/** What the driver and cuBLASLt would refuse, or worse, take: said before a graph is made, and without a GPU. */
import {
  type CudaFeatures,
  isProduct,
  type Launch,
  type MatrixOperand,
  type Product,
  type Step,
} from '../../kernels/cuda/launch.ts';

/** Limits of every card since compute capability 8.0. */
const limits = { x: 2 ** 31 - 1, yz: 65_535, threads: 1024 };

type Bytes = Pick<CudaFeatures, 'sharedBytes' | 'parameterBytes'>;

const bytesOfEveryCard: Bytes = { sharedBytes: 99 * 1024, parameterBytes: 4096 };

/**
 * @param bytes what the card takes, at most
 * @throws Error that names the step and what is wrong
 */
export function checkStep(step: Step, bytes: Bytes = bytesOfEveryCard): void {
  const problem = isProduct(step) ? productProblem(step) : launchProblem(step, bytes);
  if (problem) throw new Error(`${isProduct(step) ? step.product : step.kernel}: ${problem}`);
}

function launchProblem(
  { grid, block, shared = 0, tensors, numbers, lists = {} }: Launch,
  { sharedBytes, parameterBytes }: Bytes,
): string | undefined {
  const [x, y, z] = grid;
  const isWhole = [...grid, block].every((size) => Number.isSafeInteger(size) && size >= 1);
  if (!isWhole || x > limits.x || y > limits.yz || z > limits.yz)
    return `a grid of ${grid.join(' × ')} blocks`;
  if (block > limits.threads || (block > 32 && block % 32 !== 0)) return `blocks of ${block} threads`;
  if (shared > sharedBytes) return `${shared} bytes of shared memory; expected at most ${sharedBytes}`;
  for (const [name, value] of Object.entries(numbers)) {
    const isUnsigned =
      typeof value !== 'number' || (Number.isSafeInteger(value) && value >= 0 && value < 2 ** 32);
    if (!isUnsigned) return `${name} is ${value}; expected an integer of 32 bits`;
  }
  const words = Object.keys(tensors).length + Object.values(lists).flat().length;
  const bytes = 8 * words + 4 * Object.keys(numbers).length;
  return bytes > parameterBytes
    ? `${bytes} bytes of parameters; expected at most ${parameterBytes}`
    : undefined;
}

function productProblem({ a, b, y, to, alpha, m, n, k }: Product): string | undefined {
  if (a.tensor.dtype !== b.tensor.dtype) return `operands of ${a.tensor.dtype} and ${b.tensor.dtype}`;
  const results: readonly string[] =
    { i8: ['i32'], f32: ['f32'], f16: ['f32'], bf16: ['f32', 'bf16'] }[a.tensor.dtype as string] ?? [];
  if (!results.includes(y.dtype))
    return `${a.tensor.dtype} operands give ${results.join(' or ')}, found ${y}`;
  if (y.dtype === 'i32' && (alpha || to)) return 'integer products take no factor and no sum';
  if (alpha && to) return 'a product takes a factor or a sum, not both';
  const fits = (operand: MatrixOperand, rows: number, columns: number) => {
    const [height, width] = operand.transposed ? [columns, rows] : [rows, columns];
    const end = (operand.first ?? 0) + (height - 1) * operand.columns + width;
    return operand.columns >= width && end <= operand.tensor.size;
  };
  if (!fits(a, m, k)) return `${a.tensor} holds no matrix of ${m} × ${k}`;
  if (!fits(b, k, n)) return `${b.tensor} holds no matrix of ${k} × ${n}`;
  return y.size < m * n || (to && to.size < m * n) ? `${y} holds no matrix of ${m} × ${n}` : undefined;
}
