/** The library's entry points: which variants this processor has, and calls through the one in use. */
#include "plusminus.h"
#include "processor.h"
#include <stdlib.h>

typedef struct {
  const char *name;
  int (*isAvailable)(void);
  TernaryProduct *ternary;
  GroupedProduct *grouped;
  DenseProduct *dense;
  PageAttention *attention;
  RowKernel *rows;
} Variant;

/** From the slowest to the fastest. */
static const Variant variants[] = {
#if defined(__x86_64__)
    {"AVX2", hasAvx2, ternaryAvx2, groupedAvx2, denseAvx2, attentionAvx2, rowsAvx2},
    {"AVX-VNNI", hasAvxVnni, ternaryAvxVnni, groupedAvxVnni, denseAvx2, attentionAvx2, rowsAvx2},
    {"AVX-512 VNNI", hasAvx512Vnni, ternaryAvx512, groupedAvx512, denseAvx512, attentionAvx512, rowsAvx512},
#if defined(__linux__)
    {"AMX", hasAmx, ternaryAmx, groupedAvx512, denseAmx, attentionAvx512, rowsAvx512},
#endif
#elif defined(__aarch64__)
    {"NEON dot", hasNeonDot, ternaryNeon, groupedNeon, denseNeon, attentionNeon, rowsNeon},
    {"NEON i8mm", hasI8mm, ternaryI8mm, groupedNeon, denseNeon, attentionNeon, rowsNeon},
#endif
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};

static _Thread_local uint8_t *memory;
static _Thread_local const Variant *inUse;

/** Of the package: callers of another version pass other fields, and must not call. */
EXPORT const char *plusminusPackageVersion(void) { return PLUSMINUS_VERSION; }

/** The name of variant `index`, the fastest last; NULL past the end; "" if this processor lacks it. */
EXPORT const char *plusminusVariant(int32_t index) {
  if (index < 0 || index >= (int32_t)(sizeof variants / sizeof *variants) - 1) return NULL;
  return variants[index].isAvailable() ? variants[index].name : "";
}

/** Sets the memory and the variant with which the calling thread computes from now on. */
EXPORT void plusminusBind(void *base, int32_t index) {
  memory = base;
  inUse = &variants[index];
}

static _Thread_local int32_t phase;

int32_t currentPhase(void) { return phase; }

/** These return 1 if they have computed their share, 0 if it is left to WebAssembly. */
EXPORT int32_t ternaryProduct(uint32_t args, int32_t piece, int32_t pieces, int32_t ofPhase) {
  phase = ofPhase;
  return inUse->ternary(memory, (const Product *)(memory + args), piece, pieces);
}

EXPORT int32_t groupedProduct(uint32_t args, int32_t piece, int32_t pieces) {
  return inUse->grouped(memory, (const Grouped *)(memory + args), piece, pieces);
}

EXPORT int32_t denseProduct(uint32_t args, int32_t piece, int32_t pieces) {
  return inUse->dense(memory, (const Gemm *)(memory + args), piece, pieces);
}

EXPORT int32_t pagedAttention(uint32_t args, int32_t piece, int32_t pieces) {
  return inUse->attention(memory, (const PagedAttention *)(memory + args), piece, pieces);
}

EXPORT int32_t rowKernel(int32_t kernel, uint32_t args, int32_t piece, int32_t pieces) {
  return inUse->rows(memory, kernel, args, piece, pieces);
}

void *roomIn(Block *block, size_t bytes) {
  if (bytes > block->size) {
    free(block->start);
    block->start = malloc(bytes + 64);
    block->size = block->start ? bytes : 0;
  }
  return block->start ? (void *)(((uintptr_t)block->start + 63) & ~(uintptr_t)63) : NULL;
}

void *scratch(size_t bytes) {
  static _Thread_local Block block;
  return roomIn(&block, bytes);
}
