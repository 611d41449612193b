/**
 * Whether the int8 dot product of relaxed SIMD compiles here. The bytes are a module with one function
 * (v128, v128) → v128 whose body is that instruction. Node 20 has it behind a flag only, miscompiled.
 */
export function hasRelaxedSimd(): boolean {
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const type = [1, 7, 1, 0x60, 2, 0x7b, 0x7b, 1, 0x7b];
  const functions = [3, 2, 1, 0];
  const code = [10, 11, 1, 9, 0, 0x20, 0, 0x20, 1, 0xfd, 0x92, 0x02, 0x0b];
  return WebAssembly.validate(new Uint8Array([...header, ...type, ...functions, ...code]));
}
