/** A file opened for reading, wherever it is. Apart from platform.ts, whose types need those of WebGPU. */
export interface ReadableFile {
  readonly size: number;
  /** Fills part of `target` with bytes from `position` on and tells how many; 0: the file ends there. */
  read(target: Uint8Array, position: number): Promise<number>;
  close(): Promise<void>;
}
