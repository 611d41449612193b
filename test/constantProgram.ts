/** The smallest program: for tests of engines, where what is computed does not matter. */
import { fill } from '../src/ops/fill/fill.ts';
import { output, type Program, record } from '../src/program/record.ts';
import type { Tensor } from '../src/program/tensor.ts';

/** A program whose output `y` [size] holds `value` everywhere. */
export function constantProgram(size: number, value: number): { program: Program; y: Tensor } {
  let y: Tensor | undefined;
  const program = record(`fill ${size}`, () => {
    y = output(fill([size], value));
  });
  return { program, y: y! };
}
