/** Arguments of the kernels of rows.inc: fields of the classes of the same names in the kernels of their ops. */
#ifndef ROWS_H
#define ROWS_H

#include "plusminus.h"

/** src/ops/swiglu/kernel.as.ts */
typedef struct {
  Address x;
  Address y;
  int32_t rows;
  int32_t width;
  int32_t planes;
} Swiglu;

/** src/ops/swiglu/kernel.as.ts */
typedef struct {
  Address x;
  Address dy;
  Address dx;
  int32_t rows;
  int32_t width;
} SwigluBackward;

/** src/ops/bitLinear/quantise.as.ts */
typedef struct {
  Address x;
  Address gamma;
  Address q;
  Address step;
  Address sum;
  int32_t rows;
  int32_t width;
  int32_t stride;
  float epsilon;
} QuantiseActivations;

/** src/ops/bitLinear/quantise.as.ts */
typedef struct {
  Address w;
  Address sums;
  Address codes;
  Address scale;
  int32_t out;
  int32_t width;
  int32_t parts;
} PackWeights;

/** src/ops/mlgru/kernel.as.ts */
typedef struct {
  Address i;
  Address f;
  Address start;
  Address bounds;
  Address h;
  Address last;
  int32_t batch;
  int32_t length;
  int32_t width;
  int32_t layer;
  int32_t planes;
} Mlgru;

/** src/ops/mlgru/kernel.as.ts */
typedef struct {
  Address i;
  Address f;
  Address slots;
  Address states;
  Address bounds;
  Address h;
  Address next;
  int32_t rows;
  int32_t width;
  int32_t count;
  int32_t layer;
  int32_t planes;
} MlgruSlots;

/** src/ops/mlgru/kernel.as.ts */
typedef struct {
  Address i;
  Address f;
  Address start;
  Address bounds;
  Address h;
  Address dh;
  Address dLast;
  Address before;
  Address di;
  Address df;
  Address dStart;
  Address dBounds;
  int32_t batch;
  int32_t length;
  int32_t width;
  int32_t layer;
  int32_t layers;
} MlgruBackward;

/** src/ops/gatedNorm/kernel.as.ts */
typedef struct {
  Address x;
  Address h;
  Address gamma;
  Address y;
  int32_t rows;
  int32_t width;
  float epsilon;
} GatedNorm;

/** src/ops/gatedNorm/kernel.as.ts */
typedef struct {
  Address x;
  Address h;
  Address gamma;
  Address dy;
  Address dh;
  Address dNormal;
  int32_t rows;
  int32_t width;
  float epsilon;
} GatedNormBackward;

/** src/ops/rmsNorm/kernel.as.ts */
typedef struct {
  Address x;
  Address gamma;
  Address dy;
  Address before;
  Address dx;
  Address sums;
  int32_t rows;
  int32_t width;
  int32_t parts;
  float epsilon;
} RmsNormBackwardX;

/** src/ops/rmsNorm/kernel.as.ts */
typedef struct {
  Address x;
  Address gamma;
  Address y;
  int32_t rows;
  int32_t width;
  float epsilon;
} RmsNorm;

/** src/ops/gatedUnit/kernel.as.ts */
typedef struct {
  Address g;
  Address u;
  Address y;
  int32_t size;
  int32_t activation;
} GatedUnit;

/** src/ops/groupedLinear/rounding.as.ts */
typedef struct {
  Address x;
  Address q;
  Address units;
  Address sums;
  Address unit;
  int32_t rows;
  int32_t width;
  int32_t group;
  int32_t inPairs;
} RoundRows;

/** src/ops/crossEntropy/kernel.as.ts */
typedef struct {
  Address logits;
  Address labels;
  Address logSums;
  Address losses;
  int32_t rows;
  int32_t width;
} CrossEntropyRows;

/** src/ops/crossEntropy/kernel.as.ts */
typedef struct {
  Address logits;
  Address labels;
  Address logSums;
  Address dLoss;
  Address counted;
  Address dLogits;
  int32_t rows;
  int32_t width;
  int32_t countedRows;
  float weight;
} CrossEntropyBackward;

/** src/ops/sample/kernel.as.ts */
typedef struct {
  Address logits;
  Address settings;
  Address uniforms;
  Address allowed;
  Address turn;
  Address seen;
  Address tokens;
  Address next;
  Address position;
  Address room;
  int32_t rows;
  int32_t width;
  int32_t ahead;
  int32_t roomBytes;
} SampleRows;

#endif
