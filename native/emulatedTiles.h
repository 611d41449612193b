/**
 * AMX in plain C, for machines without it: "npm run build:native -- --emulate-tiles" compiles its kernels with this, so that
 * their suite runs anywhere with AVX-512 BF16, slowly. Sums of bf16 are added in another order than the processor's.
 */
#ifndef EMULATED_TILES_H
#define EMULATED_TILES_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

static _Thread_local uint8_t emulated[8][1024];

static inline void emulatedLoad(int tile, const void *from, size_t stride) {
  for (int i = 0; i < 16; i++) memcpy(emulated[tile] + 64 * i, (const uint8_t *)from + (size_t)i * stride, 64);
}

static inline void emulatedStore(int tile, void *to, size_t stride) {
  for (int i = 0; i < 16; i++) memcpy((uint8_t *)to + (size_t)i * stride, emulated[tile] + 64 * i, 64);
}

/** Words of four bytes: either those of a are signed and those of b are not, or the reverse. */
static inline void emulatedBytes(int sums, int a, int b, int isSignedA) {
  int32_t *c = (int32_t *)emulated[sums];
  for (int row = 0; row < 16; row++)
    for (int k = 0; k < 64; k++)
      for (int column = 0; column < 16; column++) {
        const uint8_t x = emulated[a][64 * row + k], y = emulated[b][k / 4 * 64 + 4 * column + k % 4];
        c[16 * row + column] += isSignedA ? (int8_t)x * y : x * (int8_t)y;
      }
}

static inline float emulatedFloat(int tile, int index) {
  const uint32_t bits = (uint32_t)((const uint16_t *)emulated[tile])[index] << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline void emulatedFloats(int sums, int a, int b) {
  float *c = (float *)emulated[sums];
  for (int row = 0; row < 16; row++)
    for (int k = 0; k < 32; k++)
      for (int column = 0; column < 16; column++)
        c[16 * row + column] += emulatedFloat(a, 32 * row + k) * emulatedFloat(b, k / 2 * 32 + 2 * column + k % 2);
}

#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbsud
#undef _tile_dpbusd
#undef _tile_dpbf16ps
#define _tile_loadd(tile, from, stride) emulatedLoad(tile, from, stride)
#define _tile_stored(tile, to, stride) emulatedStore(tile, to, stride)
#define _tile_zero(tile) memset(emulated[tile], 0, sizeof *emulated)
#define _tile_dpbsud(sums, a, b) emulatedBytes(sums, a, b, 1)
#define _tile_dpbusd(sums, a, b) emulatedBytes(sums, a, b, 0)
#define _tile_dpbf16ps(sums, a, b) emulatedFloats(sums, a, b)
#define _tile_loadconfig(config) (void)(config)
#define _tile_release() (void)0

#endif
