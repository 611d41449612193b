/**
 * Finds an installed MPI library and binds its C functions through koffi. The standard fixes the functions, not
 * the handles: in Open MPI a communicator is the address of an exported symbol, in MPICH and its relatives
 * (Intel MPI, MVAPICH, Cray) a number.
 */
import type { KoffiFunc, LibraryHandle } from 'koffi';
import { MpiError } from './errors.ts';
import type { Launch } from './launcher.ts';

/** A communicator, a type, an operation: an address in Open MPI, a number in MPICH. */
export type Handle = bigint | number;

export interface MpiLibrary {
  /** Such as `Open MPI v4.1.4`. */
  readonly version: string;
  readonly world: Handle;
  readonly types: Readonly<Record<'f32' | 'f64' | 'i32' | 'u8', Handle>>;
  readonly sums: Readonly<Record<'sum' | 'max' | 'min', Handle>>;
  /** Stands for "the data is in the receive buffer already". */
  readonly inPlace: bigint;
  /** Kind of a split: ranks that share memory. */
  readonly sharedMemory: number;
  readonly noInfo: Handle;
  /** The error handler that makes calls return a code instead of ending the process. */
  readonly returnErrors: Handle;
  /** A place that MPI writes a handle to, and how to read it. */
  newHandle(): { readonly place: ArrayBufferView; read(): Handle };
  /** Address of an array's memory, shared or not. */
  address(array: ArrayBufferView): bigint;
  /** `MPI_<name>` on this thread, for calls that return at once. */
  call(name: FunctionName, ...args: readonly unknown[]): void;
  /** `MPI_<name>` on a thread of its own, one call at a time and in order. */
  start(name: FunctionName, ...args: readonly unknown[]): Promise<void>;
}

/** `*` is a pointer, `h` a handle, `i` an int. */
const signatures = {
  Init_thread: '**i*',
  Finalize: '',
  Abort: 'hi',
  Comm_set_errhandler: 'hh',
  Comm_rank: 'h*',
  Comm_size: 'h*',
  Comm_split_type: 'hiih*',
  Get_library_version: '**',
  Error_string: 'i**',
  Barrier: 'h',
  Ibarrier: 'h*',
  Test: '***',
  Bcast: '*ihih',
  Allreduce: '**ihhh',
  Reduce_scatter_block: '**ihhh',
  Allgather: '*ih*ihh',
  Allgatherv: '*ih***hh',
  Alltoall: '*ih*ihh',
} as const;

export type FunctionName = keyof typeof signatures;

/** MPI_THREAD_SERIALIZED: calls come from several threads, never two at once. */
const serialized = 2;

/** Stack size of the threads that run calls: MPI libraries expect the system's default, koffi uses an eighth of it. */
const stackBytes = 2 ** 20;

const installation =
  'install one, e.g. "apt-get install openmpi-bin libopenmpi-dev" (Debian), "dnf install openmpi-devel" (Fedora), ' +
  '"brew install open-mpi" (macOS), or "module load openmpi" on a cluster';

const remedy = `${installation}; or set PLUSMINUS_MPI to the path of its library`;

/**
 * Loads MPI and initialises it.
 * @throws MpiError if there is none, or it is not that of the launcher
 */
export async function loadMpi(launch: Launch): Promise<MpiLibrary> {
  const { koffi, library } = await openLibrary(launch);
  const mpi = bind(koffi, library);
  mpi.call('Init_thread', 0n, 0n, serialized, new Int32Array(1));
  mpi.call('Comm_set_errhandler', mpi.world, mpi.returnErrors);
  return mpi;
}

type Koffi = typeof import('koffi').default;
type KoffiFunction = KoffiFunc<(...args: unknown[]) => number>;

async function openLibrary(launch: Launch): Promise<{ koffi: Koffi; library: LibraryHandle }> {
  const name = 'koffi'; // a variable, so that bundlers for browsers don't follow the import
  const module = await import(/* @vite-ignore */ name).catch((cause) => {
    throw new MpiError(
      `${launch.size} processes were started together, but the package "koffi", which reaches the MPI library, is ` +
        'not installed: run "npm install koffi"',
      { cause },
    );
  });
  const koffi: Koffi = module.default;
  koffi.config({ ...koffi.config(), async_stack_size: stackBytes });
  const tried = candidates(launch);
  for (const path of tried) {
    try {
      // Open MPI's own plug-ins look for its symbols among the global ones.
      return { koffi, library: koffi.load(path, { global: true }) };
    } catch {} // the next one
  }
  throw new MpiError(
    `${launch.size} processes were started together, but no MPI library was found (tried ${tried.join(', ')}): ${remedy}`,
  );
}

function candidates({ kind }: Launch): readonly string[] {
  const { PLUSMINUS_MPI, MPI_HOME } = process.env;
  if (PLUSMINUS_MPI) return [PLUSMINUS_MPI];
  const suffix = process.platform === 'darwin' ? 'dylib' : 'so';
  const openMpi = ['libmpi.so.40', 'libmpi.40.dylib'];
  const mpich = ['libmpich.so.12', 'libmpi.so.12', 'libmpi.12.dylib'];
  const names = kind === 'MPICH' ? [...mpich, ...openMpi] : [...openMpi, ...mpich];
  const fitting = [...names.filter((name) => name.includes(suffix)), `libmpi.${suffix}`];
  return [...(MPI_HOME ? [`${MPI_HOME}/lib/libmpi.${suffix}`] : []), ...fitting];
}

function bind(koffi: Koffi, library: LibraryHandle): MpiLibrary {
  const constants = openMpiConstants(library) ?? mpichConstants;
  const types = { '*': 'void *', h: constants.handleType, i: 'int' } as const;
  const functions = new Map<string, KoffiFunction>();
  const functionOf = (name: FunctionName) => {
    const parameters = [...signatures[name]].map((letter) => types[letter as keyof typeof types]);
    const found = functions.get(name) ?? (library.func(`MPI_${name}`, 'int', parameters) as KoffiFunction);
    functions.set(name, found);
    return found;
  };
  const check = (name: FunctionName, code: number) => {
    if (code !== 0) throw new MpiError(`MPI_${name} failed: ${errorText(functionOf('Error_string'), code)}`);
  };
  let last: Promise<void> = Promise.resolve();
  const run = (name: FunctionName, args: readonly unknown[]) =>
    new Promise<void>((resolve, reject) => {
      functionOf(name).async(...args, (error: Error | null, code: number) => {
        if (error) reject(error);
        else resolve(check(name, code));
      });
    });
  const version = new Uint8Array(8192);
  functionOf('Get_library_version')(version, new Int32Array(1));
  return {
    ...constants,
    version: textOf(version).split(/[\n,]/)[0]!.replace(/\s+/g, ' ').trim(),
    address: (array) => koffi.address(array),
    call: (name, ...args) => check(name, functionOf(name)(...args)),
    start(name, ...args) {
      const call = last.then(() => run(name, args));
      last = call.catch(() => {}); // the caller gets the error
      return call;
    },
  };
}

type Constants = Omit<MpiLibrary, 'version' | 'address' | 'call' | 'start'> & {
  readonly handleType: string;
};

/** The addresses of Open MPI's objects; `undefined` if this is another MPI. */
function openMpiConstants(library: LibraryHandle): Constants | undefined {
  const object = (name: string): bigint => library.symbol(`ompi_mpi_${name}`);
  try {
    object('comm_world');
  } catch {
    return undefined;
  }
  return {
    world: object('comm_world'),
    types: { f32: object('float'), f64: object('double'), i32: object('int'), u8: object('byte') },
    sums: { sum: object('op_sum'), max: object('op_max'), min: object('op_min') },
    inPlace: 1n,
    sharedMemory: 0,
    noInfo: object('info_null'),
    handleType: 'void *',
    returnErrors: object('errors_return'),
    newHandle() {
      const place = new BigUint64Array(1);
      return { place, read: () => place[0]! };
    },
  };
}

/** The numbers that MPICH's mpi.h fixes, and with it the common ABI of its relatives. */
const mpichConstants: Constants = {
  world: 0x44000000,
  types: { f32: 0x4c00040a, f64: 0x4c00080b, i32: 0x4c000405, u8: 0x4c00010d },
  sums: { sum: 0x58000003, max: 0x58000001, min: 0x58000002 },
  inPlace: 0xffff_ffff_ffff_ffffn,
  sharedMemory: 1,
  noInfo: 0x1c000000,
  handleType: 'int',
  returnErrors: 0x54000001,
  newHandle() {
    const place = new Int32Array(1);
    return { place, read: () => place[0]! };
  },
};

function errorText(errorString: KoffiFunction, code: number): string {
  const text = new Uint8Array(8192);
  errorString(code, text, new Int32Array(1));
  return textOf(text) || `code ${code}`;
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}
