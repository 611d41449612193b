/**
 * Copies from global to shared memory that a thread asks for and later waits for. What it copies itself it may read after
 * waiting, without a barrier. Copies come in groups, of which the latest few may still be under way when a wait ends.
 */
export const asyncCopies = `
__device__ inline void copyLater(uint4* to, const uint4* from) {
  asm volatile("{ .reg .u64 at; .reg .u32 to; cvta.to.shared.u64 at, %0; cvt.u32.u64 to, at; cp.async.cg.shared.global [to], [%1], 16; }" :: "l"(to), "l"(from) : "memory");
}
__device__ inline void copyLater(uint2* to, const uint2* from) {
  asm volatile("{ .reg .u64 at; .reg .u32 to; cvta.to.shared.u64 at, %0; cvt.u32.u64 to, at; cp.async.ca.shared.global [to], [%1], 8; }" :: "l"(to), "l"(from) : "memory");
}
__device__ inline void endGroup() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int N> __device__ inline void waitForGroups() { asm volatile("cp.async.wait_group %0;" :: "n"(N) : "memory"); }
`;
