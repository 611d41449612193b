/** `inspect --against`: compares two engines op by op. */

import { compareModel, type ModelComparison } from '../../debug/compareModel.ts';
import type { ComparedOutput } from '../../debug/comparingEngine.ts';
import { chooseEngine, createEngine, type EngineChoice, type EngineName } from '../../engine/engines.ts';
import { InputError } from '../../errors.ts';
import { formatTable } from '../../format.ts';
import { write, writeJson } from '../output.ts';

export interface AgainstFlags {
  readonly against: EngineName;
  readonly engine?: EngineChoice;
  readonly threads?: number;
  readonly tokens?: readonly number[];
  readonly json?: boolean;
}

/** Prints the comparison; the exit code is 1 if an op or the logits differ. */
export async function compareWithEngine(
  model: string,
  { against, engine: choice, threads, tokens = [1, 2, 3], json }: AgainstFlags,
  signal: AbortSignal,
): Promise<void> {
  const engine = await chooseEngine(choice, { threads });
  if (engine === against) {
    throw new InputError(`--against: found ${against}, which is --engine too; expected another engine`);
  }
  const engines = {
    create: (options: { readonly unfused?: boolean | undefined }) =>
      createEngine(engine, { threads, ...options }),
    createExpected: () => createEngine(against, { threads, unfused: true }),
  };
  const comparison = await compareModel(model, tokens, engines, signal);
  if (json) await writeJson({ model, engine, against, tokens, ...comparison });
  else {
    const title = `${model}: ${engine} against ${against}, tokens ${tokens.join(', ')}`;
    await write(`${[title, '', ...describe(comparison)].join('\n')}\n`);
  }
  if (comparison.first || comparison.usualLogits.first) process.exitCode = 1;
}

function describe({ first, ops, usualLogits }: ModelComparison): string[] {
  const rows = ops.map(({ op, outputs, exceeding, largest, tolerance }) => [
    ...[op, String(outputs), String(exceeding)],
    ...[largest, tolerance].map(scientific),
  ]);
  const usual = scientific(usualLogits.largest);
  return [
    ...(first ? describeFirst(first) : ['No op differs by more than its tolerance.']),
    '',
    ...formatTable(['op', 'outputs', 'too different', 'largest difference', 'tolerance'], rows),
    '',
    'Differences are relative to the largest entry of an output. Each op had the same inputs on both engines.',
    usualLogits.first
      ? `The logits of a usual run differ by ${usual} from those of this one: fusing or the sharing of memory between temporaries is wrong.`
      : `A usual run, with fused ops and shared memory, gives logits that differ by ${usual} from those of this one.`,
  ];
}

function describeFirst({ program, line, op, output, parameters, tolerance, largest, first }: ComparedOutput) {
  const { index, found, expected } = first ?? { index: 0, found: Number.NaN, expected: Number.NaN };
  return [
    `First difference: ${op}, output ${output}, line ${line} of the program "${program}"`,
    `  parameters: ${parameters.join(', ') || 'none'}`,
    `  largest difference: ${scientific(largest)}, tolerance ${scientific(tolerance)}`,
    `  first at element ${index}: found ${found}, expected ${expected}`,
  ];
}

function scientific(value: number): string {
  return value === 0 ? '0' : value.toExponential(1);
}
