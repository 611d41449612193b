/**
 * An engine holds memory and executes programs. It knows ops only by the kernel calls that they list; models,
 * text and training are above it. Every engine passes the same test suite.
 */
import type { ErrorCode } from '../errors.ts';
import type { MemoryPlan } from '../program/plan.ts';
import type { Program } from '../program/record.ts';
import type { Tensor } from '../program/tensor.ts';
import type { Collectives, Peers } from './collectives.ts';

export interface Engine {
  readonly name: string;
  /** For display: threads, instruction sets, device. */
  readonly description: string;
  /**
   * Best number of tokens to read in one inference program, a power of two: enough to use each weight many times and
   * to keep the machine busy. More would only take memory.
   */
  readonly longestStep: number;
  /** Best number of tokens for a program to sample before the host looks at them; 0: the host samples. */
  readonly samplesAhead: number;
  /** Whether a program can sample a token of each of several sequences. */
  readonly samplesRows: boolean;
  /** Bytes of the engine's memory in use. */
  readonly usedBytes: number;
  /** Joules that the whole device has used since some moment; absent, or `undefined`, where nothing counts them. */
  usedJoules?(): number | undefined;
  /** How many more bytes the engine can take, as far as it knows: each limit by itself. */
  memoryBounds?(): readonly MemoryBound[];

  /** Reserves zero-filled memory for a variable or an input. Does nothing if it has memory already. */
  allocate(tensor: Tensor): void;
  /** Frees the memory of a variable or an input. */
  free(tensor: Tensor): void;
  /** Writes elements of a variable or an input, as raw little-endian bytes from `byteOffset` on. */
  write(tensor: Tensor, bytes: Uint8Array, byteOffset?: number): void;
  /**
   * Reads a variable, an input, or an output of the program that ran last, as raw little-endian bytes. With `target`,
   * the bytes are written there and nothing is allocated.
   */
  read(tensor: Tensor, target?: Uint8Array): Promise<Uint8Array>;

  /**
   * The memory of a variable or an input itself, without a copy, on engines whose memory the host can address. Valid
   * until the next allocation or run.
   */
  view?(tensor: Tensor): Uint8Array;

  /**
   * Connects to the engines of the other ranks, on engines whose memories exchange variables without the host. All ranks
   * call it. Later calls return the same connection.
   */
  connect?(peers: Peers): Promise<Collectives>;

  /** Plans a program's memory and prepares it to run. Throws `OutOfMemoryError` if it cannot fit. */
  load(program: Program): Executable;
  dispose(): Promise<void>;
}

/** A limit of memory. */
export interface MemoryBound {
  readonly bytes: number;
  /** What has so many bytes, for messages: "which this machine has available". */
  readonly what: string;
  /** What to do if they are too few. */
  readonly remedy: string;
}

/** A tensor to read, and the buffer for its raw little-endian bytes. */
export interface Read {
  readonly tensor: Tensor;
  readonly target: Uint8Array;
}

export interface Executable {
  readonly program: Program;
  readonly plan: MemoryPlan;
  /**
   * Runs the program once, then reads tensors that `Engine.read` could read. Runs of one engine must not overlap. On a
   * GPU these reads arrive with the end of the run, without another round trip. `reached` is called at each mark, in
   * order, while the run continues: a read or a view of a variable then shows what the program assigned before the
   * mark. The host may continue reading and writing such a variable as long as the rest of the program does not use it. A
   * program that continues from its own results may run several `times`; the host waits for the last.
   */
  run(reads?: readonly Read[], reached?: (mark: number) => void, times?: number): Promise<void>;
  /** Runs once and returns the time of each kernel, in order. Results are the same as those of `run`. */
  profile(): Promise<KernelTime[]>;
  /** Gives back what the engine holds for this program alone; it cannot run again. Absent where that is nothing. */
  dispose?(): void;
}

/** The time of one kernel in a profiled run; the reference engine's kernels are ops. */
export interface KernelTime {
  readonly kernel: string;
  readonly milliseconds: number;
}

/** A program or its parameters do not fit; the message says how much was needed, how much there is and what to do. */
export class OutOfMemoryError extends Error {
  override name = 'OutOfMemoryError';
  readonly code: ErrorCode = 'out-of-memory';
  /** Bytes that were needed and found, if they were compared before anything was allocated. */
  readonly needed: number | undefined;
  readonly available: number | undefined;

  constructor(message: string, { needed, available }: Partial<Record<'needed' | 'available', number>> = {}) {
    super(message);
    this.needed = needed;
    this.available = available;
  }
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
