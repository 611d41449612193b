import type { Engine, Executable } from '../engine/engine.ts';
import type { Program } from '../program/record.ts';

/** A cache of an engine's programs. Each is recorded and loaded on first use. */
export class LoadedPrograms<Recorded extends { readonly program: Program }> {
  readonly #engine: Engine;
  readonly #loaded = new Map<string, Recorded & { readonly executable: Executable }>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** @param key identifies the program, for example by its length */
  get(key: string, record: () => Recorded): Recorded & { readonly executable: Executable } {
    const known = this.#loaded.get(key);
    if (known) return known;
    const recorded = record();
    const loaded = { ...recorded, executable: this.#engine.load(recorded.program) };
    this.#loaded.set(key, loaded);
    return loaded;
  }

  /** Forgets the programs and gives their memory back. */
  clear(): void {
    for (const { executable } of this.#loaded.values()) executable.dispose?.();
    this.#loaded.clear();
  }
}
