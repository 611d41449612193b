#include "processor.h"
#include <stddef.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <stdint.h>

typedef struct {
  unsigned eax, ebx, ecx, edx;
} Leaf;

static Leaf leaf(unsigned number, unsigned part) {
  Leaf l = {0, 0, 0, 0};
  __get_cpuid_count(number, part, &l.eax, &l.ebx, &l.ecx, &l.edx);
  return l;
}

static int bit(unsigned word, int index) { return word >> index & 1; }

/** Whether the system saves all these registers (bits of XCR0) when it switches threads. */
static int saves(uint64_t registers) {
  if (!bit(leaf(1, 0).ecx, 27)) return 0;
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (((uint64_t)high << 32 | low) & registers) == registers;
}

/** AVX2, FMA and F16C. */
int hasAvx2(void) {
  Leaf l = leaf(1, 0);
  return saves(0x6) && bit(leaf(7, 0).ebx, 5) && bit(l.ecx, 12) && bit(l.ecx, 29);
}

int hasAvxVnni(void) { return hasAvx2() && bit(leaf(7, 1).eax, 4); }

/** F, DQ, BW, VL and VNNI. */
int hasAvx512Vnni(void) {
  Leaf l = leaf(7, 0);
  return hasAvx2() && saves(0xe6) && bit(l.ebx, 16) && bit(l.ebx, 17) && bit(l.ebx, 30) && bit(l.ebx, 31) &&
         bit(l.ecx, 11);
}

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>

/**
 * Tiles of int8 and bf16, and AVX-512 BF16. Linux gives a process the tile registers when it asks for them
 * (ARCH_REQ_XCOMP_PERM, XTILEDATA).
 */
int hasAmx(void) {
#ifdef EMULATED_TILES
  return hasAvx512Vnni() && bit(leaf(7, 1).eax, 5);
#endif
  Leaf l = leaf(7, 0);
  const int hasTiles = bit(l.edx, 22) && bit(l.edx, 24) && bit(l.edx, 25);
  if (!hasAvx512Vnni() || !bit(leaf(7, 1).eax, 5) || !hasTiles || !saves(0x60000)) return 0;
  return syscall(SYS_arch_prctl, 0x1023, 18) == 0;
}
#endif

#elif defined(__aarch64__)

#if defined(__linux__)
#include <sys/auxv.h>
/** HWCAP_ASIMDDP */
int hasNeonDot(void) { return getauxval(AT_HWCAP) >> 20 & 1; }
/** HWCAP2_I8MM */
int hasI8mm(void) { return getauxval(AT_HWCAP2) >> 13 & 1; }
#elif defined(__APPLE__)
#include <sys/sysctl.h>
/** All of Apple's 64-bit desktop processors have it. */
int hasNeonDot(void) { return 1; }
/** From the M2 on. */
int hasI8mm(void) {
  int has = 0;
  size_t size = sizeof has;
  return sysctlbyname("hw.optional.arm.FEAT_I8MM", &has, &size, NULL, 0) == 0 && has;
}
#elif defined(_WIN32)
#include <windows.h>
/** PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE */
int hasNeonDot(void) { return IsProcessorFeaturePresent(43); }
/** Windows does not say. */
int hasI8mm(void) { return 0; }
#else
int hasNeonDot(void) { return 0; }
int hasI8mm(void) { return 0; }
#endif

#endif
