#include "plusminus.h"

#define NAME rowsNeon
#include "rows.inc"
