/** NVIDIA's run-time compiler: CUDA C++ to machine code of one card. It needs no GPU. */
import { CudaError, remedy } from './errors.ts';
import { findLibrary } from './libraries.ts';
import { type Koffi, Library } from './library.ts';

const signatures = {
  nvrtcVersion: '**',
  nvrtcCreateProgram: '*ssi**',
  nvrtcDestroyProgram: '*',
  nvrtcCompileProgram: 'hi*',
  nvrtcGetCUBINSize: 'h*',
  nvrtcGetCUBIN: 'h*',
  nvrtcGetProgramLogSize: 'h*',
  nvrtcGetProgramLog: 'h*',
} as const;

/** Leaves out built-in headers, which no kernel needs: half the time of a compilation. */
const knowsMinimal = (version: string) => !/^12\.[0-3]$/.test(version);

export class Nvrtc {
  readonly #library: Library<keyof typeof signatures>;
  readonly #koffi: Koffi;
  /** Such as 13.0. */
  readonly version: string;

  private constructor(koffi: Koffi, path: string) {
    this.#koffi = koffi;
    this.#library = new Library(
      koffi.load(path),
      signatures,
      (name, status) => new CudaError(`${name} failed with status ${status} (${path}); ${remedy}`, status),
    );
    const [major, minor] = [new Int32Array(1), new Int32Array(1)];
    this.#library.call('nvrtcVersion', major, minor);
    this.version = `${major[0]}.${minor[0]}`;
  }

  /** The newest that a driver of this CUDA version can load code of. @throws NoCudaError if there is none */
  static open(koffi: Koffi, driverMajor: number): Nvrtc {
    const [path] = findLibrary('nvrtc', driverMajor);
    return new Nvrtc(koffi, path!);
  }

  /**
   * Machine code for compute capability `capability`, such as 90.
   * @throws CudaError with the compiler's messages
   */
  compile(name: string, source: string, capability: number): Uint8Array {
    const program = this.#library.make('nvrtcCreateProgram', source, `${name}.cu`, 0, null, null);
    try {
      const options = [
        `--gpu-architecture=sm_${capability}${capability === 90 ? 'a' : ''}`,
        '--std=c++17',
        ...(knowsMinimal(this.version) ? ['--minimal'] : []),
      ];
      const texts = options.map((option) => new TextEncoder().encode(`${option}\0`));
      const array = BigUint64Array.from(texts, (text) => this.#koffi.address(text));
      const status = this.#library.statusHolding(
        texts,
        ...(['nvrtcCompileProgram', program, options.length, array] as const),
      );
      if (status !== 0) {
        throw new CudaError(
          `NVRTC refused the kernel ${name} for sm_${capability}: ${this.#log(program)}`,
          status,
        );
      }
      const code = new Uint8Array(this.#size('nvrtcGetCUBINSize', program));
      this.#library.call('nvrtcGetCUBIN', program, code);
      return code;
    } finally {
      this.#library.call('nvrtcDestroyProgram', BigUint64Array.of(program));
    }
  }

  #size(name: 'nvrtcGetCUBINSize' | 'nvrtcGetProgramLogSize', program: bigint): number {
    const place = new BigUint64Array(1);
    this.#library.call(name, program, place);
    return Number(place[0]);
  }

  #log(program: bigint): string {
    const text = new Uint8Array(this.#size('nvrtcGetProgramLogSize', program));
    this.#library.call('nvrtcGetProgramLog', program, text);
    return new TextDecoder().decode(text.subarray(0, -1)).trim();
  }
}
