/** A fourth engine: the whole of what adding one takes. It answers what the reference engine answers. */
import type { Engine, Executable } from '../src/engine/engine.ts';
import type { EngineKind } from '../src/engine/engines.ts';
import { ReferenceEngine } from '../src/engine/reference/referenceEngine.ts';
import type { Program } from '../src/program/record.ts';
import type { Tensor } from '../src/program/tensor.ts';

class EchoEngine implements Engine {
  readonly name = 'echo';
  readonly description = 'repeats the reference engine';
  readonly longestStep = 64;
  readonly samplesAhead = 0;
  readonly samplesRows = false;
  readonly #reference = new ReferenceEngine();

  get usedBytes(): number {
    return this.#reference.usedBytes;
  }

  allocate(tensor: Tensor): void {
    this.#reference.allocate(tensor);
  }

  free(tensor: Tensor): void {
    this.#reference.free(tensor);
  }

  write(tensor: Tensor, bytes: Uint8Array, byteOffset?: number): void {
    this.#reference.write(tensor, bytes, byteOffset);
  }

  read(tensor: Tensor, target?: Uint8Array): Promise<Uint8Array> {
    return this.#reference.read(tensor, target);
  }

  load(program: Program): Executable {
    return this.#reference.load(program);
  }

  dispose(): Promise<void> {
    return this.#reference.dispose();
  }
}

export const echo: EngineKind = {
  about: 'repeats the reference engine',
  runsOn: 'cores',
  create: async () => new EchoEngine(),
};
