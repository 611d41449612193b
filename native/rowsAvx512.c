#include "plusminus.h"

#define NAME rowsAvx512
#include "rows.inc"
