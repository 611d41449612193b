// The WebAssembly kernels of BitLinear.
export { packWeights, quantiseActivations, weightScaleParts } from "./quantise.as";
export { ternaryProduct } from "./product.as";
export { bitLinearRow } from "./row.as";
export { bitLinearGradientOfInput, bitLinearGradientOfWeight } from "./backward.as";
