/** Products of one row and of several, of awkward widths, as numbers: run by itself, it prints them as JSON. */
import { CpuEngine } from '../src/engine/cpu/cpuEngine.ts';
import { bytesOf, readFloats } from '../src/engine/engine.ts';
import { bitLinear } from '../src/ops/bitLinear/bitLinear.ts';
import { output, record } from '../src/program/record.ts';
import { input, type Tensor } from '../src/program/tensor.ts';
import { SeededRandom } from '../src/text/seededRandom.ts';

const shapes: readonly (readonly [rows: number, width: number, out: number])[] = [
  [1, 2176, 40],
  [1, 4400, 33],
  [3, 1104, 24],
  [14, 2176, 40],
];

export async function product(): Promise<{ description: string; values: number[] }> {
  const engine = await CpuEngine.create({ threads: 2, native: false });
  const random = new SeededRandom(5);
  const values: number[] = [];
  for (const [rows, width, out] of shapes) {
    const tensors = [
      input('x', [rows, width]),
      input('norm', [width]),
      input('weight', [out, width]),
    ] as const;
    for (const tensor of tensors)
      engine.write(tensor, bytesOf(random.fillNormal(new Float32Array(tensor.size))));
    const [x, norm, weight] = tensors;
    let y: Tensor | undefined;
    const executable = engine.load(
      record('product', () => {
        y = output(bitLinear(x, { norm, weight }));
      }),
    );
    // Often enough that V8 compiles the kernels with its optimising compiler, which is the one that fuses.
    for (let i = 0; i < 200; i++) await executable.run();
    values.push(...(await readFloats(engine, y!)));
  }
  await engine.dispose();
  return { description: engine.description, values };
}

if (import.meta.main) console.log(JSON.stringify(await product()));
