/**
 * An engine holds memory and executes programs. It knows ops only by the kernel calls that they list; models,
 * text and training are above it. Every engine passes the same test suite.
 */
import type { ErrorCode } from '../errors.ts';
import type { MemoryPlan } from '../program/plan.ts';
import type { Program } from '../program/record.ts';
import type { Tensor } from '../program/tensor.ts';

export interface Engine {
  readonly name: string;
  /** For people: threads, instruction sets, device. */
  readonly description: string;
  /**
   * Tokens that inference does best to read in one program, a power of two: enough to use each weight many times,
   * and to keep the machine busy; more would only take memory.
   */
  readonly longestStep: number;
  /** Tokens that a program does best to sample by itself before the host looks at them; 0: the host samples. */
  readonly samplesAhead: number;
  /** Bytes of the engine's memory in use. */
  readonly usedBytes: number;

  /** Reserves memory for a variable or an input, zero-filled. Does nothing if it has memory already. */
  allocate(tensor: Tensor): void;
  /** Gives the memory of a variable or an input back. */
  free(tensor: Tensor): void;
  /** Writes elements of a variable or an input, as raw little-endian bytes from `byteOffset` on. */
  write(tensor: Tensor, bytes: Uint8Array, byteOffset?: number): void;
  /**
   * Reads a variable, an input, or an output of the program that ran last, as raw little-endian bytes, into
   * `target` if there is one: nothing is allocated then.
   */
  read(tensor: Tensor, target?: Uint8Array): Promise<Uint8Array>;

  /**
   * The memory of a variable or an input itself, where the host can reach it; valid until the next allocation
   * or run.
   */
  view?(tensor: Tensor): Uint8Array;

  /** Plans a program's memory and prepares it to run. Throws `OutOfMemoryError` if it cannot fit. */
  load(program: Program): Executable;
  dispose(): Promise<void>;
}

/** A tensor to be read, and where its raw little-endian bytes go. */
export interface Read {
  readonly tensor: Tensor;
  readonly target: Uint8Array;
}

export interface Executable {
  readonly program: Program;
  readonly plan: MemoryPlan;
  /**
   * Runs the program once, and then reads tensors that `Engine.read` could read. Runs of one engine must not
   * overlap. On a GPU, what is read here comes with the answer that the run is over, without another journey.
   * `reached` is called at each mark, in order, while the run goes on: a read or a view of a variable that it takes
   * then shows what the program assigned before the mark. The host may keep reading and writing such a variable as
   * long as the rest of the program leaves it alone. A program that goes on from its own results may run several
   * `times`, the host waiting for the last.
   */
  run(reads?: readonly Read[], reached?: (mark: number) => void, times?: number): Promise<void>;
  /** Runs once and returns the time of each kernel, in order; what `run` leaves behind, this leaves too. */
  profile(): Promise<KernelTime[]>;
}

/** The time of one kernel in a profiled run; the reference engine's kernels are ops. */
export interface KernelTime {
  readonly kernel: string;
  readonly milliseconds: number;
}

/** A program or its parameters do not fit; the message says what was needed, what there is and what to do. */
export class OutOfMemoryError extends Error {
  override name = 'OutOfMemoryError';
  readonly code: ErrorCode = 'out-of-memory';
}

/** Elements of an f32 tensor, in `target` if there is one. */
export async function readFloats(
  engine: Engine,
  tensor: Tensor,
  target?: Float32Array,
): Promise<Float32Array> {
  const bytes = await engine.read(tensor, target && bytesOf(target));
  return target ?? new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

/** The raw bytes of a typed array. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
