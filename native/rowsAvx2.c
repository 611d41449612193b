#include "plusminus.h"

#define NAME rowsAvx2
#include "rows.inc"
