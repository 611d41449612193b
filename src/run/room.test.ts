/** A model that does not fit is refused before its weights are read. */
import { afterEach, describe, expect, it } from 'vitest';
import { golden } from '../../test/smallModel.ts';
import { CpuEngine } from '../engine/cpu/cpuEngine.ts';
import { OutOfMemoryError } from '../engine/engine.ts';
import { formatBytes } from '../format.ts';
import { loadIntoEngine } from '../loadModel.ts';
import { architectureOf } from '../model/architecture.ts';
import { type ConfigName, namedConfig } from '../model/config.ts';
import { weightsStoredAs } from '../model/weights.ts';
import { slotBytes } from './readers.ts';
import { expectRoom, type MemoryRoom } from './room.ts';

let engine: CpuEngine | undefined;
afterEach(() => engine?.dispose());

/** A model of a named size, without files. */
function named(size: ConfigName, name: 'matmul-free' | 'llama') {
  const architecture = architectureOf(namedConfig(size, { architecture: name }));
  return { architecture, weights: weightsStoredAs(architecture.parameters(), 'f32') };
}

async function thrownBy(work: () => unknown): Promise<OutOfMemoryError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof OutOfMemoryError) return error;
    throw error;
  }
  return expect.unreachable();
}

describe('the CPU engine', () => {
  it('refuses what its 4 GiB cannot hold, with what is needed, found and to do', async () => {
    engine = await CpuEngine.create({ threads: 0 });
    const { message, needed, available } = await thrownBy(() => expectRoom(named('2.7B', 'llama'), engine!));
    expect(message).toMatch(
      /^the model needs 1[01]\.\d GB of memory \(weights 10\.\d GB, temporaries .*states/,
    );
    expect(message).toMatch(/found 4\.3 GB, which the CPU engine addresses; use a GPU/);
    expect(needed).toBeGreaterThan(10e9);
    expect(available).toBeLessThan(2 ** 32);
  });

  it('refuses a checkpoint before its first weight is read', async () => {
    const limited = () => CpuEngine.create({ threads: 0, memoryLimit: 2 ** 20 });
    let progress = 0;
    const load = () => loadIntoEngine(golden, limited, { onProgress: () => progress++ });
    const { code, needed, available } = await thrownBy(load);
    expect(code).toBe('out-of-memory');
    expect(needed).toBeGreaterThan(available!);
    expect(progress).toBe(0);
  });

  it('takes no more than was said for weights, a step and the first tokens', async () => {
    let room: MemoryRoom | undefined;
    const onMemory = (found: MemoryRoom) => {
      room = found;
    };
    const create = async () => {
      engine = await CpuEngine.create({ threads: 0 });
      return engine;
    };
    const parts = await loadIntoEngine(golden, create, { onMemory });
    expect(parts.usedBytes()).toBeGreaterThan(room!.needed / 4);
    expect(parts.usedBytes()).toBeLessThan(room!.needed + 2e6); // the module's page and workspace
    expect(room!.available).toBeGreaterThan(room!.needed);
  });
});

describe('the tightest bound', () => {
  const model = named('tiny', 'matmul-free');
  const bound = (bytes: number, what: string) => ({ bytes, what, remedy: `make ${what} larger` });
  const engineWith = (...bounds: readonly { bytes: number; what: string; remedy: string }[]) => ({
    ...{ longestStep: 64, usedBytes: 0, memoryBounds: () => bounds },
  });

  it('is the one that the message names', async () => {
    const { needed } = expectRoom(model, engineWith());
    const both = engineWith(bound(needed - 1, 'the machine'), bound(needed - 2, 'the engine'));
    const { message } = await thrownBy(() => expectRoom(model, both));
    expect(message).toContain(`found ${formatBytes(needed - 2)}, the engine; make the engine larger`);
    expect(expectRoom(model, engineWith(bound(needed, 'the machine')))).toEqual({
      needed,
      available: needed,
    });
  });

  it('is compared with the states of all slots, too', async () => {
    const states = slotBytes(model.architecture, { slots: 1000, maxTokens: 1000 });
    const { needed } = expectRoom(model, engineWith(), states);
    expect(needed).toBeGreaterThan(states);
    const error = await thrownBy(() => expectRoom(model, engineWith(bound(needed - 1, 'it')), states));
    expect(error.message).toContain(`states ${formatBytes(states)}`);
  });
});
