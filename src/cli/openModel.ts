/** Loads a model for a command, with progress. */
import { storiesModel } from '../checkpoint/bundledModels.ts';
import { formatBytes } from '../format.ts';
import { LanguageModel, type LoadProgress } from '../languageModel.ts';
import type { MemoryRoom } from '../run/room.ts';
import { chosenModel } from './findModel.ts';
import { catchInterrupt, type InterruptOptions } from './interrupt.ts';
import type { ModelOptions } from './options.ts';
import { type Progress, startProgress } from './progress.ts';

/**
 * Calls `use` with the model, then disposes of it. Ctrl-C aborts the signal that `use` gets; the process then exits with
 * 130 (143 after SIGTERM), whether `use` returns or throws the signal's reason.
 */
export async function withModel(
  options: ModelOptions,
  use: (model: LanguageModel, signal: AbortSignal, source: string) => Promise<void>,
  bundled: string = storiesModel,
): Promise<void> {
  await interruptible(async (signal) => {
    const source = await chosenModel(options.model, bundled);
    const { engine, threads, kvCacheType } = options;
    const progress = loadProgress(options);
    const model = await LanguageModel.load(source, {
      ...{ engine, threads, kvCacheType, signal },
      ...progress.hooks,
    }).finally(progress.stop);
    try {
      await use(model, signal, source);
    } finally {
      await model.dispose();
    }
  });
}

/** Runs work that ends in an orderly way on Ctrl-C. */
export async function interruptible(
  work: (signal: AbortSignal) => Promise<void>,
  options: InterruptOptions = {},
): Promise<void> {
  const interrupt = catchInterrupt(() => {}, options);
  const { signal } = interrupt;
  try {
    await work(signal);
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
  } finally {
    interrupt.release();
    if (signal.aborted) process.exitCode = interrupt.exitCode;
  }
}

/** Shows downloading and loading, and how much memory the model takes. */
export function loadProgress(options: { readonly quiet?: boolean; readonly json?: boolean }) {
  const progress = byteProgress(options);
  let room: MemoryRoom | undefined;
  return {
    hooks: {
      onMemory(found: MemoryRoom) {
        room = found;
      },
      onProgress({ phase, loaded, total }: LoadProgress) {
        const label = room ? `loading into ${formatBytes(room.needed)} of memory` : 'loading';
        progress.update(phase === 'load' ? label : 'downloading', loaded, total);
      },
    },
    stop: progress.stop,
  };
}

/** Bytes so far, drawn only on a terminal: loading a local model takes too little time for a line. */
export function byteProgress({ quiet, json }: { readonly quiet?: boolean; readonly json?: boolean }) {
  let bar: Progress | undefined;
  let shown = '';
  const silent = quiet || json || !process.stderr.isTTY;
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    update(label: string, loaded: number, total: number): void {
      if (silent) return;
      if (label !== shown) {
        stop();
        bar = startProgress({ label, total });
        shown = label;
      }
      bar?.update(loaded, `${formatBytes(loaded)} of ${formatBytes(total)}`);
    },
    stop,
  };
}
