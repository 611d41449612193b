/**
 * Native kernels over the CPU engine's WebAssembly memory. Addresses are offsets from the start of that memory. Every
 * variant computes the same exact integer sums, and the same floats in the same order, as the WebAssembly kernels; only
 * the backward pass of AMX rounds gradients to bf16: see denseAmx.c.
 */
#ifndef PLUSMINUS_H
#define PLUSMINUS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif
/** Before a loop whose rounds do not depend on one another, whatever its pointers are. */
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif
#define INLINE static inline __attribute__((always_inline))

typedef uint32_t Address;

/** Fields of the class of the same name in src/ops/bitLinear/product.as.ts. */
typedef struct {
  Address q;
  Address step;
  Address sum;
  Address codes;
  Address scale;
  Address y;
  int32_t rows;
  int32_t width;
  int32_t stride;
  int32_t out;
} Product;

/** Fields of the class of the same name in src/kernels/cpu/gemm.as.ts. */
typedef struct {
  Address c;
  int32_t ldc;
  Address accumulate;
  Address scale;
  Address a;
  int32_t strideM;
  int32_t strideK;
  Address b;
  int32_t ldb;
  int32_t kind;
  Address rowScale;
  int32_t M;
  int32_t N;
  int32_t K;
} Gemm;

/** How B is stored: see gemm.as.ts. */
enum {
  denseFloats,
  denseTernary,
  denseInt8,
  denseFloatsAlongK,
  denseHalvesAlongK,
  denseBfloatsAlongK,
  denseInt8AlongK
};

/** Fields of `GroupedProduct` in src/ops/groupedLinear/tile.as.ts. */
typedef struct {
  Address codes;
  Address scales;
  Address bias;
  Address y;
  int32_t width;
  int32_t group;
  int32_t out;
  int32_t type;
  int32_t halves;
  Address q;
  Address units;
  Address sums;
  Address unit;
  int32_t rows;
  /** Of int8 codes and those of four bits, or 0. */
  Address offsets;
} Grouped;

/** Fields of the class of the same name in src/ops/pagedAttention/kernel.as.ts. */
typedef struct {
  Address q;
  Address k;
  Address v;
  Address slots;
  Address positions;
  Address pages;
  Address y;
  int32_t rows;
  int32_t heads;
  int32_t keyHeads;
  int32_t headSize;
  int32_t maxPages;
  int32_t elementBytes;
} PagedAttention;

/** The longest rows whose sums of q·byte stay within 32 bits. */
enum { longestRow = 1 << 16 };

/** Where the share of `piece` of `count` items begins; shares begin at multiples of `step`. */
INLINE int32_t shareStart(int32_t count, int32_t step, int32_t piece, int32_t pieces) {
  int64_t steps = (count + step - 1) / step;
  int64_t start = steps * piece / pieces * step;
  return (int32_t)(start < count ? start : count);
}

INLINE int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

typedef struct Block {
  void *start;
  size_t size;
} Block;

/** Aligned memory of a block, which grows as needed and then loses what it held. NULL if there is none. */
void *roomIn(Block *block, size_t bytes);

/** Aligned memory of this thread for panels. NULL if there is none. */
void *scratch(size_t bytes);

/** The number of the phase to which the calling thread's piece belongs: until it changes, activations stay as they are. */
int32_t currentPhase(void);

/** Returns 0 if the variant leaves this product to WebAssembly. */
typedef int TernaryProduct(uint8_t *memory, const Product *p, int32_t piece, int32_t pieces);
typedef int GroupedProduct(uint8_t *memory, const Grouped *p, int32_t piece, int32_t pieces);
typedef int DenseProduct(uint8_t *memory, const Gemm *g, int32_t piece, int32_t pieces);
typedef int PageAttention(uint8_t *memory, const PagedAttention *p, int32_t piece, int32_t pieces);

TernaryProduct ternaryAvx2, ternaryAvxVnni, ternaryAvx512, ternaryAmx, ternaryAmxFew, ternaryNeon, ternaryI8mm;
/** Kernel number `kernel` of rows.inc. */
typedef int RowKernel(uint8_t *memory, int32_t kernel, Address args, int32_t piece, int32_t pieces);

GroupedProduct groupedAvx2, groupedAvxVnni, groupedAvx512, groupedNeon;
DenseProduct denseAvx2, denseAvx512, denseAmx, denseNeon;
PageAttention attentionAvx2, attentionAvx512, attentionNeon;
RowKernel rowsAvx2, rowsAvx512, rowsNeon;

#endif
