/** Where things lie in DRAM: regions of whole beats, one after the other. */
import { InputError } from '../../errors.ts';
import { beatBytes } from '../parameters.ts';

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
  #beats = 0;

  get beats(): number {
    return this.#beats;
  }

  /** @param fill writes the region's content into the image when it is built; without it the region is zeros */
  place(name: string, beats: number, fill?: (bytes: Uint8Array) => void): Region {
    const region = { name, address: this.#beats, beats };
    this.#beats += beats;
    if (this.#beats > maxBeats) {
      const found = (this.#beats * beatBytes) / 2 ** 30;
      throw new InputError(
        `DRAM image: found ${found.toFixed(1)} GiB, expected at most 16 (addresses of 28 bits)`,
      );
    }
    this.regions.push(region);
    if (fill) this.#fills.push({ region, fill });
    return region;
  }

  image(): Uint8Array<ArrayBuffer> {
    const image = new Uint8Array(this.#beats * beatBytes);
    for (const { region, fill } of this.#fills) {
      const start = region.address * beatBytes;
      fill(image.subarray(start, start + region.beats * beatBytes));
    }
    return image;
  }
}
