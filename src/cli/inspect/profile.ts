/** `inspect --profile`: the time of each kernel. */
import { type Profile, profileModel } from '../../debug/profileModel.ts';
import { createEngine, type EngineChoice } from '../../engine/engines.ts';
import { formatTable } from '../../format.ts';
import { write, writeJson } from '../output.ts';

export interface ProfileFlags {
  readonly engine?: EngineChoice;
  readonly threads?: number;
  readonly tokens?: readonly number[];
  readonly json?: boolean;
}

export async function printProfile(
  model: string,
  { engine, threads, tokens = [1, 2, 3], json }: ProfileFlags,
  signal: AbortSignal,
): Promise<void> {
  const profile = await profileModel(model, tokens, () => createEngine(engine, { threads }), signal);
  if (json) await writeJson({ model, tokens, ...profile });
  else await write(`${[`${model}: tokens ${tokens.join(', ')}`, ...describe(profile)].join('\n')}\n`);
}

function describe({ engine, kernels, milliseconds, wallMilliseconds }: Profile): string[] {
  const rows = kernels.map((row) => [
    ...[row.kernel, row.milliseconds.toFixed(3), `${(100 * row.share).toFixed(1)} %`, String(row.calls)],
  ]);
  const calls = kernels.reduce((sum, row) => sum + row.calls, 0);
  return [
    engine,
    '',
    ...formatTable(
      ['kernel', 'ms', 'share', 'calls'],
      [...rows, ['all', milliseconds.toFixed(3), '', String(calls)]],
    ),
    '',
    `The run took ${wallMilliseconds.toFixed(1)} ms with its measurements; a usual run takes less.`,
  ];
}
