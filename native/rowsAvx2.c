#include "plusminus.h"
#include <immintrin.h>

#define NAME rowsAvx2
#define FMA(a, b, c) _mm_fmadd_ps(a, b, c)
#include "rows.inc"
