/** Random weights for measurements, made in memory: their values do not change the speed. */
import { f32ToF16 } from '../checkpoint/floats.ts';
import { bytesOf, type Engine } from '../engine/engine.ts';
import type { Weights } from '../model/weights.ts';
import type { Tensor } from '../program/tensor.ts';
import { SeededRandom } from '../text/seededRandom.ts';

const blockSize = 2 ** 20;
/** Bytes to write before waiting. */
const atOnce = 2 ** 29;

/** Random values whose pattern repeats after a million, which is quick to make and no faster to compute with. */
export class RandomWeights {
  readonly #random = new SeededRandom(1);
  readonly #normal = this.#random.fillNormal(new Float32Array(blockSize), 0.02);
  readonly #codes = Uint8Array.from({ length: blockSize }, () => this.#fourCodes());

  fill(engine: Engine, weights: Weights): void {
    for (const tensor of weights.all()) engine.write(tensor, this.#bytes(tensor));
  }

  /**
   * As `fill`, waiting for the engine now and then: a device holds what it was given until it has copied it, which
   * for large models is more memory than there is.
   */
  async fillSlowly(engine: Engine, weights: Weights): Promise<void> {
    const all = weights.all();
    const smallest = all.reduce((one, other) => (other.bytes < one.bytes ? other : one));
    engine.write(smallest, this.#bytes(smallest));
    let pending = 0;
    for (const tensor of all) {
      engine.write(tensor, this.#bytes(tensor));
      pending += tensor.bytes;
      if (pending < atOnce) continue;
      await engine.read(smallest);
      pending = 0;
    }
  }

  #bytes(tensor: Tensor): Uint8Array {
    const { dtype, size, name } = tensor;
    if (dtype === 'ternary') return repeated(this.#codes, new Uint8Array(tensor.bytes));
    if (dtype === 'f16') return bytesOf(repeated(this.#halves(), new Uint16Array(size)));
    // The upper half of a float.
    if (dtype === 'bf16') return bytesOf(repeated(this.#upperHalves(), new Uint16Array(size)));
    const floats = new Float32Array(size);
    if (name.endsWith('weight_scale')) return bytesOf(floats.fill(0.02));
    if (name.endsWith('norm.weight')) return bytesOf(floats.fill(1));
    return bytesOf(repeated(this.#normal, floats));
  }

  #halves(): Uint16Array {
    return f32ToF16(this.#normal, new Uint16Array(blockSize));
  }

  #upperHalves(): Uint16Array {
    return Uint16Array.from(new Uint32Array(this.#normal.buffer), (bits) => bits >>> 16);
  }

  /** Two bits each, 0, 1 or 2. */
  #fourCodes(): number {
    let value = this.#random.uint32() % 81;
    let byte = 0;
    for (let plane = 0; plane < 4; plane++) {
      byte |= (value % 3) << (2 * plane);
      value = Math.floor(value / 3);
    }
    return byte;
  }
}

function repeated<T extends Float32Array | Uint8Array | Uint16Array>(block: T, target: T): T {
  for (let start = 0; start < target.length; start += block.length) {
    target.set(block.subarray(0, Math.min(block.length, target.length - start)) as never, start);
  }
  return target;
}
