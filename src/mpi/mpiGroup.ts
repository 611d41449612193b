/** A group over MPI_COMM_WORLD. */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { MpiError } from './errors.ts';
import { type Group, type Numbers, sumTree } from './group.ts';
import { findLaunch, type Launch } from './launcher.ts';
import { type Handle, loadMpi, type MpiLibrary } from './library.ts';

/** Polling interval of `rest`. */
const restingMilliseconds = 20;

/**
 * Joins the ranks that a launcher (mpirun, mpiexec, srun) started together; `undefined` if this process was
 * started alone. All ranks must call it.
 * @throws MpiError if there is no MPI library, or it is not that of the launcher
 */
export async function joinGroup(): Promise<MpiGroup | undefined> {
  const launch = findLaunch();
  if (!launch) return undefined;
  // Otherwise a thread that waits in a call would keep a core busy.
  process.env.OMPI_MCA_mpi_yield_when_idle ??= '1';
  return MpiGroup.join(await loadMpi(launch), launch);
}

class MpiGroup implements Group {
  readonly rank: number;
  readonly size: number;
  readonly description: string;
  #local = { rank: 0, size: 1 };
  #hosts: readonly string[] = [];
  readonly #mpi: MpiLibrary;

  private constructor(mpi: MpiLibrary) {
    this.#mpi = mpi;
    [this.rank, this.size] = placeIn(mpi, mpi.world);
    this.description = mpi.version;
  }

  static async join(mpi: MpiLibrary, launch: Launch): Promise<MpiGroup> {
    const group = new MpiGroup(mpi);
    if (group.size !== launch.size) {
      throw new MpiError(
        `the launcher started ${launch.size} processes, but ${mpi.version} sees ${group.size}: the launcher is ` +
          "another MPI's; use that of the library, or set PLUSMINUS_MPI to the path of the launcher's library",
      );
    }
    const host = mpi.newHandle();
    mpi.call('Comm_split_type', mpi.world, mpi.sharedMemory, group.rank, mpi.noInfo, host.place);
    const [rank, size] = placeIn(mpi, host.read());
    group.#local = { rank, size };
    group.#hosts = await group.gather(hostname());
    return group;
  }

  get local() {
    return this.#local;
  }

  get hosts() {
    return this.#hosts;
  }

  async reduce(numbers: Numbers, by: 'sum' | 'max' | 'min'): Promise<void> {
    const { inPlace, sums, world, address } = this.#mpi;
    const type = this.#typeOf(numbers);
    await this.#start(
      'Allreduce',
      [inPlace, address(numbers), numbers.length, type, sums[by], world],
      numbers,
    );
  }

  async reduceParts(numbers: Float32Array): Promise<void> {
    const { types, sums, world, address } = this.#mpi;
    const own = this.#ownPart(numbers);
    const sum = new Float32Array(own.length);
    const args = [address(numbers), address(sum), own.length, types.f32, sums.sum, world];
    await this.#start('Reduce_scatter_block', args, numbers, sum);
    own.set(sum);
  }

  async reducePartsInOrder(numbers: Float32Array): Promise<void> {
    const { types, world, address } = this.#mpi;
    const own = this.#ownPart(numbers);
    const received = new Float32Array(numbers.length);
    const args = [address(numbers), own.length, types.f32, address(received), own.length, types.f32, world];
    await this.#start('Alltoall', args, numbers, received);
    const parts = Array.from({ length: this.size }, (_, rank) =>
      received.subarray(rank * own.length, (rank + 1) * own.length),
    );
    own.set(sumTree(parts, addTo));
  }

  async gatherParts(numbers: Float32Array): Promise<void> {
    const { inPlace, types, world, address } = this.#mpi;
    const { length } = this.#ownPart(numbers);
    await this.#start(
      'Allgather',
      [inPlace, 0, types.f32, address(numbers), length, types.f32, world],
      numbers,
    );
  }

  async broadcast(bytes: Uint8Array, root = 0): Promise<void> {
    const { types, world, address } = this.#mpi;
    await this.#start('Bcast', [address(bytes), bytes.length, types.u8, root, world], bytes);
  }

  async gather<T>(value: T): Promise<T[]> {
    const { inPlace, types, world, address } = this.#mpi;
    const own = new TextEncoder().encode(JSON.stringify(value) ?? 'null');
    const lengths = new Int32Array(this.size);
    lengths[this.rank] = own.length;
    await this.#start('Allgather', [inPlace, 0, types.i32, address(lengths), 1, types.i32, world], lengths);
    const starts = new Int32Array(this.size);
    for (let rank = 1; rank < this.size; rank++) starts[rank] = starts[rank - 1]! + lengths[rank - 1]!;
    const all = new Uint8Array(starts.at(-1)! + lengths.at(-1)!);
    const args = [address(own), own.length, types.u8, address(all), address(lengths), address(starts)];
    await this.#start('Allgatherv', [...args, types.u8, world], own, all, lengths, starts);
    return Array.from(starts, (start, rank) =>
      JSON.parse(new TextDecoder().decode(all.subarray(start, start + lengths[rank]!))),
    );
  }

  async barrier(): Promise<void> {
    await this.#mpi.start('Barrier', this.#mpi.world);
  }

  async rest(): Promise<void> {
    const request = this.#mpi.newHandle();
    const done = new Int32Array(1);
    const status = new Uint8Array(64); // at least MPI_Status of every MPI
    this.#mpi.call('Ibarrier', this.#mpi.world, request.place);
    for (;;) {
      this.#mpi.call('Test', request.place, done, status);
      if (done[0]) return;
      await sleep(restingMilliseconds);
    }
  }

  /** Finalises MPI. All ranks must call it. */
  async leave(): Promise<void> {
    await this.#mpi.start('Finalize');
  }

  /** Ends all ranks at once, with this exit code. Does not return. */
  abort(code: number): void {
    this.#mpi.call('Abort', this.#mpi.world, code);
  }

  #typeOf(numbers: Numbers): Handle {
    const { f32, f64, i32 } = this.#mpi.types;
    if (numbers instanceof Float32Array) return f32;
    return numbers instanceof Float64Array ? f64 : i32;
  }

  #ownPart(numbers: Float32Array): Float32Array {
    const length = numbers.length / this.size;
    if (!Number.isInteger(length)) {
      throw new RangeError(
        `expected a multiple of ${this.size} numbers, one part a rank; found ${numbers.length}`,
      );
    }
    return numbers.subarray(this.rank * length, (this.rank + 1) * length);
  }

  /** `kept` are the arrays whose addresses are among the arguments: they must not be collected meanwhile. */
  async #start(
    name: Parameters<MpiLibrary['start']>[0],
    args: readonly unknown[],
    ...kept: readonly ArrayBufferView[]
  ): Promise<void> {
    await this.#mpi.start(name, ...args);
    keepAlive(kept);
  }
}

function placeIn(mpi: MpiLibrary, communicator: Handle): [rank: number, size: number] {
  const [rank, size] = [new Int32Array(1), new Int32Array(1)];
  mpi.call('Comm_rank', communicator, rank);
  mpi.call('Comm_size', communicator, size);
  return [rank[0]!, size[0]!];
}

/** a += b, in float32 */
function addTo(a: Float32Array, b: Float32Array): Float32Array {
  for (let i = 0; i < a.length; i++) a[i] = a[i]! + b[i]!;
  return a;
}

const held = new WeakSet<object>();

/** A use that no optimiser removes. */
function keepAlive(arrays: readonly object[]): void {
  for (const array of arrays) held.add(array);
}
