// The projection of a single row, used in decoding: every thread converts the row to int8 by itself, in its own memory,
// once for all pieces that it claims. That takes less time than waiting for one thread to do it.

import { currentPhase, workspaceStart } from "../../kernels/cpu/workspace.as";
import { multiply, Product } from "./product.as";
import { QuantiseActivations, quantiseActivations } from "./quantise.as";

@unmanaged
class BitLinearRow {
  x: usize; // [width]
  gamma: usize; // [width]
  codes: usize; // packed ternary [ceil(out/4), width]
  scale: usize; // [1]
  y: usize; // [out]
  width: i32;
  stride: i32;
  out: i32;
  epsilon: f32;
}

/**
 * A thread keeps the int8 rows of the last kernels of a phase: those of a phase whose pieces run several take turns. A
 * place holds the arguments of a product, what these point to, arguments of the quantiser, and the row. A row that is
 * longer than a place takes all places.
 */
const places: i32 = 4;
const placesAt: usize = 512;
const placeBytes: usize = 65536;
const ownerAt: usize = 56;
const quantiserAt: usize = 64;
const rowAt: usize = 128;

/** The phase of the rows, and the place that is taken next. */
let rowPhase: i32 = -1;
let nextPlace: i32 = 0;
/** Places that hold a row each: all, or the first alone. */
let taken: i32 = places;

// @ts-ignore: decorator
@inline
function placeAt(place: i32): usize {
  return workspaceStart() + placesAt + <usize>place * placeBytes;
}

/** Address of the kernel's arguments whose row a place holds, or 0. */
// @ts-ignore: decorator
@inline
function ownerOf(place: i32): usize {
  return placeAt(place) + ownerAt;
}

function forgetRows(): void {
  for (let place = 0; place < places; place++) store<u32>(ownerOf(place), 0);
}

/** Whether a row of these arguments has to be made: `rowProduct` found none. */
let isNew: bool = false;

export function isNewRow(): bool {
  return isNew;
}

function placeOf(args: usize, stride: i32): i32 {
  if (rowPhase != currentPhase()) {
    rowPhase = currentPhase();
    forgetRows();
    taken = places;
    nextPlace = 0;
  }
  for (let place = 0; place < taken; place++) {
    isNew = load<u32>(ownerOf(place)) != <u32>args;
    if (!isNew) return place;
  }
  const isLong = <usize>stride > placeBytes - rowAt;
  if (isLong || taken == 1) forgetRows();
  taken = isLong ? 1 : places;
  const place = isLong ? 0 : nextPlace;
  nextPlace = (place + 1) & (places - 1);
  store<u32>(ownerOf(place), <u32>args);
  return place;
}

/** The arguments of a product whose row of activations is in the thread's own memory, for the kernel with `args`. */
export function rowProduct(args: usize, codes: usize, scale: usize, y: usize, width: i32, stride: i32, out: i32): Product {
  const own = placeAt(placeOf(args, stride));
  const product = changetype<Product>(own);
  product.q = own + rowAt;
  product.step = own + offsetof<Product>();
  product.sum = product.step + 4;
  product.codes = codes;
  product.scale = scale;
  product.y = y;
  product.rows = 1;
  product.width = width;
  product.stride = stride;
  product.out = out;
  return product;
}

export function bitLinearRow(args: usize, thread: i32, threads: i32): void {
  const p = changetype<BitLinearRow>(args);
  const product = rowProduct(args, p.codes, p.scale, p.y, p.width, p.stride, p.out);
  if (isNewRow()) quantiseOneRow(p, product);
  multiply(product, thread, threads);
}

function quantiseOneRow(p: BitLinearRow, product: Product): void {
  const own = changetype<QuantiseActivations>(changetype<usize>(product) + quantiserAt);
  own.x = p.x;
  own.gamma = p.gamma;
  own.q = product.q;
  own.step = product.step;
  own.sum = product.sum;
  own.rows = 1;
  own.width = p.width;
  own.stride = p.stride;
  own.epsilon = p.epsilon;
  quantiseActivations(changetype<usize>(own), 0, 1);
}
