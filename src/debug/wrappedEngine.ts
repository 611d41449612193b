/** An engine around another one, for classes that watch what it does: programs and data go through unchanged. */
import type { Engine, Executable } from '../engine/engine.ts';
import type { Program } from '../program/record.ts';
import type { Tensor } from '../program/tensor.ts';

export class WrappedEngine implements Engine {
  readonly inner: Engine;
  /** Sampling ahead would run extra programs. */
  readonly samplesAhead = 0;
  readonly samplesRows = false;

  constructor(inner: Engine) {
    this.inner = inner;
  }

  get name(): string {
    return this.inner.name;
  }

  get description(): string {
    return this.inner.description;
  }

  get longestStep(): number {
    return this.inner.longestStep;
  }

  get usedBytes(): number {
    return this.inner.usedBytes;
  }

  allocate(tensor: Tensor): void {
    this.inner.allocate(tensor);
  }

  free(tensor: Tensor): void {
    this.inner.free(tensor);
  }

  write(tensor: Tensor, bytes: Uint8Array, byteOffset?: number): void {
    this.inner.write(tensor, bytes, byteOffset);
  }

  read(tensor: Tensor, target?: Uint8Array): Promise<Uint8Array> {
    return this.inner.read(tensor, target);
  }

  load(program: Program): Executable {
    return this.inner.load(program);
  }

  dispose(): Promise<void> {
    return this.inner.dispose();
  }
}
