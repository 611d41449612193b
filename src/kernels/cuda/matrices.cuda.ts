/**
 * Functions for kernels that multiply on tensor cores: products of 16 × 16 by 16 × 8 bf16 with sums in f32, whose operands
 * warps load from shared memory, eight rows of 16 bytes at a time. Matrices that are eight elements wider in shared memory
 * than their columns, a multiple of 16, are read without two rows in the same bank.
 *
 * Lane l of a warp has of a product the rows l / 4 and l / 4 + 8, two columns each from 2·(l % 4) on.
 */
export const matrices = `
__device__ inline unsigned sharedAddress(const void* at) { return (unsigned)__cvta_generic_to_shared(at); }
/** Copies begin: 16 bytes, or 8, into shared memory, zeros if they do not exist. */
__device__ inline void copySixteen(unsigned to, const void* from, bool exists) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" :: "r"(to), "l"(from), "r"(exists ? 16 : 0) : "memory");
}
__device__ inline void copyEight(unsigned to, const void* from, bool exists) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" :: "r"(to), "l"(from), "r"(exists ? 8 : 0) : "memory");
}
__device__ inline void storeSixteen(unsigned to, unsigned a, unsigned b, unsigned c, unsigned d) {
  asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" :: "r"(to), "r"(a), "r"(b), "r"(c), "r"(d) : "memory");
}
/** Until the thread's own copies are there. */
__device__ inline void waitForCopies() { asm volatile("cp.async.wait_all;" ::: "memory"); }
/** Four matrices of 8 × 8: lane l gives the address of row l % 8 of matrix l / 8. */
__device__ inline void loadMatrices(unsigned (&x)[4], unsigned at) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
    : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3]) : "r"(at) : "memory");
}
/** The same, each transposed. */
__device__ inline void loadTransposed(unsigned (&x)[4], unsigned at) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
    : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3]) : "r"(at) : "memory");
}
/** sum += a · b */
__device__ inline void multiplyInto(float (&sum)[4], const unsigned (&a)[4], unsigned b, unsigned lower) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
    : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
    : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b), "r"(lower));
}
/** 2^x by the card's own instruction */
__device__ inline float powerOfTwo(float x) { float y; asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x)); return y; }
`;
