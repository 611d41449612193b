/** CRC-32 (ISO 3309), as in zip files: detects accidental damage, not tampering. */
export class Checksum {
  #crc = 0xffffffff;

  add(bytes: Uint8Array): this {
    let crc = this.#crc;
    for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
    this.#crc = crc;
    return this;
  }

  /** The CRC of all bytes so far, an unsigned 32-bit integer. */
  get value(): number {
    return (this.#crc ^ 0xffffffff) >>> 0;
  }
}

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});
