import type { Engine } from '../engine/engine.ts';
import type { Tensor } from '../program/tensor.ts';

/** Allocates all of these tensors or, if one finds no room, none. @throws OutOfMemoryError */
export function allocateAll(engine: Engine, tensors: readonly Tensor[]): void {
  let done = 0;
  try {
    for (; done < tensors.length; done++) engine.allocate(tensors[done]!);
  } catch (error) {
    for (const tensor of tensors.slice(0, done)) engine.free(tensor);
    throw error;
  }
}
