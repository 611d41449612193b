/** A file opened for reading, wherever it is. Apart from platform.ts, whose types need those of WebGPU. */
export interface ReadableFile {
  readonly size: number;
  /** Fills part of `target` with bytes from `position` and returns their number; 0 at the end of the file. */
  read(target: Uint8Array, position: number): Promise<number>;
  close(): Promise<void>;
}
