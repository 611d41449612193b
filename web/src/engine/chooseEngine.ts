/** Chooses the engine: the GPU, WebAssembly on threads, or WebAssembly on one thread. */
import { CpuEngine } from '../../../src/engine/cpu/cpuEngine.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { remedy } from '../../../src/engine/webgpu/errors.ts';
import { WebGpuEngine } from '../../../src/engine/webgpu/webgpuEngine.ts';
import type { EngineChoice } from './protocol.ts';

export interface ChosenEngine {
  readonly engine: Engine & { readonly usedBytes: number };
  readonly kind: Exclude<EngineChoice, 'auto'>;
  readonly name: string;
  /** Why no faster engine was chosen; empty if the choice was met. */
  readonly note: string;
}

/** Falls back to an available engine; `note` says so. */
export async function chooseEngine(choice: EngineChoice): Promise<ChosenEngine> {
  const notes: string[] = [];
  if (choice === 'gpu' || (choice === 'auto' && (await hasGpu()))) {
    try {
      const engine = await WebGpuEngine.create();
      return { engine, kind: 'gpu', name: `WebGPU, ${engine.description}`, note: '' };
    } catch (error) {
      notes.push(`WebGPU did not start here: ${reasonOf(error)}.`);
    }
  }
  const isolated = globalThis.crossOriginIsolated;
  if (!isolated && choice !== 'single') {
    notes.push('One thread only: this page is not cross-origin isolated, so threads cannot share memory.');
  }
  const single = choice === 'single' || !isolated;
  const engine = await CpuEngine.create(single ? { threads: 0 } : {});
  const threads = engine.description.match(/(\d+) threads?/)?.[0] ?? 'one thread';
  return {
    engine,
    kind: single ? 'single' : 'threads',
    name: `WebAssembly, ${threads}`,
    note: notes.join(' '),
  };
}

/** A software adapter would be slower than WebAssembly. */
async function hasGpu(): Promise<boolean> {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return adapter ? !adapter.info.isFallbackAdapter : false;
}

/** Without the advice, which is for the command line: the page has followed it already. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(remedy, '').replace(/[\s;,.?]*( or)?\s*$/i, '');
}
