/**
 * NCCL: exchanges between the memories of several cards. They run on a stream of their own, so that they take their turn
 * behind the work queued so far, and beside the work queued later.
 */
import type { Tensor } from '../../program/tensor.ts';
import type { Collectives, Peers } from '../collectives.ts';
import type { DriverLibrary } from './driver.ts';
import { CudaError } from './errors.ts';
import { type Koffi, Library } from './library.ts';

const signatures = {
  ncclGetVersion: '*',
  ncclGetUniqueId: '*',
  ncclCommInitRank: '*ini',
  ncclCommDestroy: 'h',
  ncclCommAbort: 'h',
  ncclCommGetAsyncError: 'h*',
  ncclAllReduce: 'hhziihh',
  ncclReduceScatter: 'hhziihh',
  ncclAllGather: 'hhzihh',
  ncclGroupStart: '',
  ncclGroupEnd: '',
} as const;

export type NcclLibrary = Library<keyof typeof signatures>;

/** NCCL's numbers. */
const [float32, sum] = [7, 0];
const idBytes = 128;
const statuses = { inProgress: 7 } as const;

/** What NCCL means by a status. */
const meanings: Readonly<Record<number, string>> = {
  1: 'a call of CUDA failed',
  2: 'a call of the system failed',
  3: 'an internal error',
  4: 'an invalid argument',
  5: 'each rank needs a GPU of its own, and the same version of NCCL',
  6: 'another rank has ended, or the network failed',
};

/** An event that is only waited for costs less if it notes no time. */
const withoutTime = 2;
/** Exchanges take a processor as soon as one is free; the driver takes the highest priority that it has. */
const highestPriority = -1000;

let hasIdType = false;

export function loadNccl(koffi: Koffi, path: string): NcclLibrary {
  if (!hasIdType) koffi.struct('ncclUniqueId', { bytes: koffi.array('uint8_t', idBytes) });
  hasIdType = true;
  const library = koffi.load(path);
  const lastError = library.func('ncclGetLastError', 'const char *', ['uint64_t']);
  return new Library(library, signatures, (name, status) => {
    const details = lastError(0n);
    return new CudaError(explain(`${name} failed`, status, details ? `: ${details}` : ''), status);
  });
}

function explain(what: string, status: number, details = ''): string {
  return (
    `NCCL: ${what} (${meanings[status] ?? `status ${status}`}${details}); the last checkpoint is complete: ` +
    'continue with --resume, and set NCCL_DEBUG=WARN to see more'
  );
}

/** What exchanges need of their engine. */
export interface NcclHost {
  readonly driver: DriverLibrary;
  readonly nccl: NcclLibrary;
  /** The engine's stream. */
  readonly stream: bigint;
  addressOf(tensor: Tensor): bigint;
}

export class Nccl implements Collectives {
  readonly description: string;
  readonly #host: NcclHost;
  readonly #peers: Peers;
  readonly #stream: bigint;
  /** Reached when the engine's work, and when the exchanges, queued so far are done. */
  readonly #worked: bigint;
  readonly #exchanged: bigint;
  #group: bigint;

  private constructor(host: NcclHost, peers: Peers, group: bigint) {
    const { driver, nccl } = host;
    this.#host = host;
    this.#peers = peers;
    this.#group = group;
    this.description = `NCCL ${versionOf(nccl)}`;
    this.#stream = driver.make('cuStreamCreateWithPriority', 1, highestPriority);
    this.#worked = driver.make('cuEventCreate', withoutTime);
    this.#exchanged = driver.make('cuEventCreate', withoutTime);
  }

  /** Meets the other ranks; the context of this rank's card is current. @throws CudaError if they cannot meet */
  static async join(host: NcclHost, peers: Peers): Promise<Nccl> {
    const id = new Uint8Array(idBytes);
    if (peers.rank === 0) host.nccl.call('ncclGetUniqueId', id);
    await peers.broadcast(id);
    return new Nccl(host, peers, host.nccl.make('ncclCommInitRank', peers.size, { bytes: id }, peers.rank));
  }

  sumParts(tensor: Tensor): void {
    const { all, own, count } = this.#partsOf(tensor);
    this.#exchange(() => this.#call('ncclReduceScatter', all, own, count, float32, sum));
  }

  gatherParts(tensors: readonly Tensor[]): void {
    const { nccl } = this.#host;
    const parts = tensors.map((tensor) => this.#partsOf(tensor));
    this.#exchange(() => {
      nccl.call('ncclGroupStart');
      for (const { all, own, count } of parts) this.#call('ncclAllGather', own, all, count, float32);
      nccl.call('ncclGroupEnd');
    });
  }

  sum(tensor: Tensor): void {
    const address = this.#host.addressOf(tensor);
    this.#exchange(() => this.#call('ncclAllReduce', address, address, tensor.size, float32, sum));
  }

  join(): void {
    const { driver, stream } = this.#host;
    driver.call('cuEventRecord', this.#exchanged, this.#stream);
    driver.call('cuStreamWaitEvent', stream, this.#exchanged, 0);
  }

  failure(): Error | undefined {
    if (this.#group === 0n) return undefined;
    const status = new Int32Array(1);
    this.#host.nccl.call('ncclCommGetAsyncError', this.#group, status);
    if (status[0] === 0 || status[0] === statuses.inProgress) return undefined;
    return new CudaError(explain('an exchange failed', status[0]!), status[0]);
  }

  abort(): void {
    if (this.#group !== 0n) this.#host.nccl.status('ncclCommAbort', this.#group);
    this.#group = 0n;
  }

  /** Leaves the ranks; the engine's stream has been waited for. */
  dispose(): void {
    const { driver, nccl } = this.#host;
    if (this.#group !== 0n) nccl.status('ncclCommDestroy', this.#group);
    this.#group = 0n;
    driver.status('cuEventDestroy_v2', this.#worked);
    driver.status('cuEventDestroy_v2', this.#exchanged);
    driver.status('cuStreamDestroy_v2', this.#stream);
  }

  /** Queues exchanges behind the work queued so far. */
  #exchange(queue: () => void): void {
    const { driver, stream } = this.#host;
    if (this.#group === 0n) throw new CudaError('the exchange between the ranks was ended');
    driver.call('cuEventRecord', this.#worked, stream);
    driver.call('cuStreamWaitEvent', this.#stream, this.#worked, 0);
    queue();
  }

  #call(
    name: 'ncclAllReduce' | 'ncclReduceScatter' | 'ncclAllGather',
    ...args: readonly (bigint | number)[]
  ): void {
    this.#host.nccl.call(name, ...args, this.#group, this.#stream);
  }

  /** Addresses of a variable and of this rank's part, and elements of a part. */
  #partsOf(tensor: Tensor) {
    const { rank, size } = this.#peers;
    const count = tensor.size / size;
    if (!Number.isInteger(count) || tensor.dtype !== 'f32') {
      throw new Error(`${tensor}: expected f32 and one part of equal length for each of ${size} ranks`);
    }
    const all = this.#host.addressOf(tensor);
    return { all, own: all + BigInt(4 * count * rank), count };
  }
}

/** 22809 is 2.28.9. */
function versionOf(nccl: NcclLibrary): string {
  const place = new Int32Array(1);
  nccl.call('ncclGetVersion', place);
  const number = place[0]!;
  return `${Math.floor(number / 10_000)}.${Math.floor(number / 100) % 100}.${number % 100}`;
}
