/** Where things lie in DRAM: regions of whole beats, one after the other. */
import { InputError } from '../../errors.ts';
import { bytesOfBeat, type MachineSizes } from '../parameters.ts';

export interface Region {
  readonly name: string;
  /** In beats. */
  readonly address: number;
  readonly beats: number;
}

/** Addresses have 28 bits. */
const maxBeats = 2 ** 28;

export class Layout {
  readonly regions: Region[] = [];
  readonly #fills: { readonly region: Region; readonly fill: (bytes: Uint8Array) => void }[] = [];
  readonly #beatBytes: number;
  #beats = 0;

  constructor(machine: Pick<MachineSizes, 'lanes'>) {
    this.#beatBytes = bytesOfBeat(machine);
  }

  get beats(): number {
    return this.#beats;
  }

  /** @param fill writes the region's content into the image when it is built; without it the region is zeros */
  place(name: string, beats: number, fill?: (bytes: Uint8Array) => void): Region {
    const region = { name, address: this.#beats, beats };
    this.#beats += beats;
    if (this.#beats > maxBeats) {
      const found = (this.#beats * this.#beatBytes) / 2 ** 30;
      throw new InputError(
        `DRAM image: found ${found.toFixed(1)} GiB, expected at most ${this.#beatBytes / 4} (addresses of 28 bits)`,
      );
    }
    this.regions.push(region);
    if (fill) this.#fills.push({ region, fill });
    return region;
  }

  image(): Uint8Array<ArrayBuffer> {
    const beatBytes = this.#beatBytes;
    const image = new Uint8Array(this.#beats * beatBytes);
    for (const { region, fill } of this.#fills) {
      const start = region.address * beatBytes;
      fill(image.subarray(start, start + region.beats * beatBytes));
    }
    return image;
  }
}
