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

/** Places of the arguments of a thread's product, after the product's partial sums, of its quantiser, and of the int8 row. */
const argumentsAt: usize = 512;
const quantiserAt: usize = 768;
const rowAt: usize = 1024;

/** The arguments of a product whose row of activations is in the thread's own memory. */
export function rowProduct(codes: usize, scale: usize, y: usize, width: i32, stride: i32, out: i32): Product {
  const own = workspaceStart() + argumentsAt;
  const product = changetype<Product>(own);
  product.q = workspaceStart() + rowAt;
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

/** The phase and the kernel's arguments for which this thread turned a row to int8 last. */
let rowPhase: i32 = -1;
let rowArgs: usize = 0;

/** Whether the thread's memory does not hold the row of these arguments yet, which this call promises to change. */
export function isNewRow(args: usize): bool {
  if (rowPhase == currentPhase() && rowArgs == args) return false;
  rowPhase = currentPhase();
  rowArgs = args;
  return true;
}

export function bitLinearRow(args: usize, thread: i32, threads: i32): void {
  const p = changetype<BitLinearRow>(args);
  const product = rowProduct(p.codes, p.scale, p.y, p.width, p.stride, p.out);
  if (isNewRow(args)) quantiseOneRow(p, product);
  multiply(product, thread, threads);
}

function quantiseOneRow(p: BitLinearRow, product: Product): void {
  const own = changetype<QuantiseActivations>(workspaceStart() + quantiserAt);
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
