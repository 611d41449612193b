// The WebAssembly kernels of grouped projections.
export { roundRows } from "./rounding.as";
export { groupedProduct } from "./product.as";
export { groupedRow } from "./row.as";
