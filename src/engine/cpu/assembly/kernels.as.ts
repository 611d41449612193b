// The module that every thread runs: the loop over a program's phases, and the kernels of all ops.
// A kernel has the signature (args: usize, thread: i32, threads: i32) => void and computes one of `threads` equal
// shares: a piece, which any thread may run.

export { advance, setByteDots, setFusesVectors, setWorkspace, work, workspaceBytes } from "./run.as";
export { hasByteDots } from "../../../ops/bitLinear/byteDot.as";
export { readMemory } from "./readMemory.as";
export * from "../../../ops/adamw/kernel.as";
export * from "../../../ops/add/kernel.as";
export * from "../../../ops/appendToPages/kernel.as";
export * from "../../../ops/attention/kernel.as";
export * from "../../../ops/bitLinear/kernel.as";
export * from "../../../ops/crossEntropy/kernel.as";
export * from "../../../ops/embedding/kernel.as";
export * from "../../../ops/fakeQuantise/kernel.as";
export * from "../../../ops/fill/kernel.as";
export * from "../../../ops/gatedNorm/kernel.as";
export * from "../../../ops/gatedUnit/kernel.as";
export * from "../../../ops/groupedEmbedding/kernel.as";
export * from "../../../ops/groupedLinear/kernel.as";
export * from "../../../ops/lastToken/kernel.as";
export * from "../../../ops/linear/kernel.as";
export * from "../../../ops/lowerBounds/kernel.as";
export * from "../../../ops/mlgru/kernel.as";
export * from "../../../ops/pagedAttention/kernel.as";
export * from "../../../ops/rmsNorm/kernel.as";
export * from "../../../ops/rotary/kernel.as";
export * from "../../../ops/sample/kernel.as";
export * from "../../../ops/sigmoidGate/kernel.as";
export * from "../../../ops/slice/kernel.as";
export * from "../../../ops/swiglu/kernel.as";
export * from "../../../ops/ternaryLinear/kernel.as";
export * from "../../../ops/tokenScores/kernel.as";
export * from "../../../ops/tokenShift/kernel.as";
export * from "../../../ops/wkv/kernel.as";
