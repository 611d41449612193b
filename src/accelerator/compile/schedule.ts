/**
 * Order and registers. Instructions issue in order, so whatever waits holds up all that follows; the order is
 * therefore made by a model of the machine: among the next instructions, the one that can issue first is
 * taken, and among equals the one with the longest way to the end. Registers are assigned on the way, so that
 * the model knows their hazards too.
 */
import { InputError } from '../../errors.ts';
import {
  blockCycles,
  collectPipeline,
  iterationCycles,
  loadPipeline,
  rowCycles,
  scalarCycles,
  storePipeline,
  storeStart,
} from '../cycles.ts';
import { operationNamed, units } from '../instructionSet.ts';
import { banks, type MachineSizes, scalarRegisters, vectorRegisters } from '../parameters.ts';
import { beatsOf } from './streams.ts';
import type { VirtualInstruction } from './virtual.ts';

type Virtual = VirtualInstruction['writes'][string];

export interface Scheduled {
  readonly source: VirtualInstruction;
  /** All fields, registers included. */
  readonly fields: Record<string, number>;
}

/** How far ahead the order may reach: tried in turn, the fastest result counts. */
const attempts = [64, 40, 24, 12, 6, 1].flatMap((window) =>
  [3, 2, 1].map((prefetch) => ({ window, prefetch })),
);

/** Of the machine, as far as durations depend on it. */
interface Shape {
  readonly sizes: MachineSizes;
  readonly latency: number;
}

/** @throws InputError if the registers do not suffice */
export function schedule(instructions: readonly VirtualInstruction[], machine: Shape): Scheduled[] {
  const graph = dependencies(instructions, machine);
  let best: { readonly order: Scheduled[]; readonly end: number } | undefined;
  for (const attempt of attempts) {
    const found = new Attempt(instructions, graph, attempt).run();
    if (found && (!best || found.end < best.end)) best = found;
  }
  if (!best) throw new InputError(`the program needs more than ${vectorRegisters} vector registers`);
  return best.order;
}

interface Graph {
  /** Issue-to-done cycles. */
  readonly duration: readonly number[];
  /** Longest way to the end. */
  readonly priority: readonly number[];
  readonly before: readonly (readonly number[])[];
  readonly uses: ReadonlyMap<Virtual, number>;
}

function dependencies(instructions: readonly VirtualInstruction[], machine: Shape): Graph {
  const writer = new Map<Virtual, number>();
  const index = new Map(instructions.map((entry, i) => [entry, i]));
  const uses = new Map<Virtual, number>();
  const before = instructions.map((entry, i) => {
    const found = new Set(entry.after.map((other) => index.get(other)!));
    for (const register of new Set(Object.values(entry.reads))) {
      const from = writer.get(register);
      if (from === undefined) throw new Error(`${entry.name} (${entry.comment}) reads what nothing wrote`);
      found.add(from);
      uses.set(register, (uses.get(register) ?? 0) + 1);
    }
    for (const register of Object.values(entry.writes)) writer.set(register, i);
    return [...found];
  });
  const duration = instructions.map((entry) => durationOf(entry, machine));
  const priority = duration.slice();
  for (let i = instructions.length - 1; i >= 0; i--) {
    for (const j of before[i]!) priority[j] = Math.max(priority[j]!, duration[j]! + priority[i]!);
  }
  return { duration, priority, before, uses };
}

function durationOf({ name, fields, matrix }: VirtualInstruction, machine: Shape): number {
  const { sizes, latency } = machine;
  const words =
    (name === 'lde' || fields.each ? sizes.batch : 1) * Math.ceil((fields.len ?? 0) / sizes.lanes);
  const { unit } = operationNamed(name)!;
  if (unit === 'tmv') return 1 + beatsOf(matrix!, 0, sizes) + blockCycles + collectPipeline;
  if (unit === 'row') return rowCycles(fields.len!, sizes);
  if (unit === 'scl') return name === 'srcp' || name === 'srsq' ? iterationCycles : scalarCycles;
  return name === 'sv' ? storeStart + words + storePipeline : 1 + words + latency + loadPipeline;
}

/** A physical register: who is in it, and until when an instruction uses it. */
class Registers {
  readonly holder: (Virtual | undefined)[];
  readonly lock: number[];
  readonly #first: number;

  constructor(count: number, first: number) {
    this.holder = new Array(count).fill(undefined);
    this.lock = new Array(count).fill(0);
    this.#first = first;
  }

  of(register: Virtual): number {
    return this.holder.indexOf(register);
  }

  /** The register free soonest, or −1. */
  free(): number {
    let best = -1;
    for (let k = this.#first; k < this.holder.length; k++) {
      if (this.holder[k] === undefined && (best < 0 || this.lock[k]! < this.lock[best]!)) best = k;
    }
    return best;
  }
}

interface Choice {
  readonly index: number;
  readonly at: number;
  /** Physical registers for what is written, by field. */
  readonly places: Readonly<Record<string, number>>;
}

class Attempt {
  readonly #instructions: readonly VirtualInstruction[];
  readonly #graph: Graph;
  readonly #window: number;
  readonly #prefetch: number;
  readonly #files = {
    vector: new Registers(vectorRegisters, 0),
    scalar: new Registers(scalarRegisters, 1),
    bank: new Registers(banks, 0),
  };
  readonly #unitFree = [0, 0, 0, 0];
  readonly #remaining: Map<Virtual, number>;
  readonly #issued: boolean[];
  /** Loads and constants that nothing has read yet. */
  readonly #waiting = { ls: new Set<Virtual>(), scl: new Set<Virtual>() };
  #oldest = 0;
  #time = 0;

  constructor(
    instructions: readonly VirtualInstruction[],
    graph: Graph,
    { window, prefetch }: { readonly window: number; readonly prefetch: number },
  ) {
    this.#instructions = instructions;
    this.#graph = graph;
    this.#window = window;
    this.#prefetch = prefetch;
    this.#remaining = new Map(graph.uses);
    this.#issued = new Array(instructions.length).fill(false);
  }

  run(): { readonly order: Scheduled[]; readonly end: number } | undefined {
    const order: Scheduled[] = [];
    let end = 0;
    while (order.length < this.#instructions.length) {
      const choice = this.#choose();
      if (!choice) return undefined;
      order.push(this.#issue(choice));
      end = Math.max(end, choice.at + this.#graph.duration[choice.index]!);
    }
    return { order, end };
  }

  #choose(): Choice | undefined {
    const { priority, before } = this.#graph;
    let best: Choice | undefined;
    const last = Math.min(this.#instructions.length, this.#oldest + this.#window);
    for (let i = this.#oldest; i < last; i++) {
      if (this.#issued[i] || !before[i]!.every((j) => this.#issued[j])) continue;
      const choice = this.#possible(i);
      if (!choice) continue;
      const sooner = !best || choice.at < best.at;
      if (sooner || (choice.at === best!.at && priority[i]! > priority[best!.index]!)) best = choice;
    }
    return best;
  }

  #possible(index: number): Choice | undefined {
    const { name, reads, writes } = this.#instructions[index]!;
    const { unit } = operationNamed(name)!;
    // The oldest may always go, or a full set of loads that wait for it would stop everything.
    if (index !== this.#oldest && this.#tooEager(name)) return undefined;
    let at = Math.max(this.#time, this.#unitFree[units.indexOf(unit as 'ls')]!);
    for (const register of Object.values(reads)) {
      const file = this.#files[register.kind];
      at = Math.max(at, file.lock[file.of(register)]!);
    }
    const places: Record<string, number> = {};
    for (const [field, register] of Object.entries(writes)) {
      const file = this.#files[register.kind];
      const place = this.#placeFor(register, reads);
      if (place < 0) return undefined;
      places[field] = place;
      at = Math.max(at, file.lock[place]!);
    }
    return { index, at, places };
  }

  #tooEager(name: string): boolean {
    if (name === 'ldv' || name === 'ldh') return this.#waiting.ls.size >= this.#prefetch;
    return name === 'sli' && this.#waiting.scl.size >= 4;
  }

  /** In place of an operand that nothing reads afterwards, or any free register. */
  #placeFor(register: Virtual, reads: VirtualInstruction['reads']): number {
    const file = this.#files[register.kind];
    if (register.kind !== 'bank') {
      for (const operand of Object.values(reads)) {
        if (operand.kind === register.kind && this.#remaining.get(operand) === 1) return file.of(operand);
      }
    }
    return file.free();
  }

  #issue({ index, at, places }: Choice): Scheduled {
    const source = this.#instructions[index]!;
    const { name, reads, writes } = source;
    const fields: Record<string, number> = { ...source.fields };
    const end = at + this.#graph.duration[index]!;
    for (const [field, register] of Object.entries(reads)) {
      const file = this.#files[register.kind];
      fields[field] = file.of(register);
      // Scalars are read at issue; vectors and banks are in use to the end.
      if (register.kind !== 'scalar') file.lock[fields[field]!] = end;
    }
    for (const register of new Set(Object.values(reads))) this.#read(register);
    for (const [field, register] of Object.entries(writes)) this.#write(register, places[field]!, end, name);
    Object.assign(fields, places);
    const unit = units.indexOf(operationNamed(name)!.unit as 'ls');
    this.#unitFree[unit] = end;
    this.#issued[index] = true;
    while (this.#issued[this.#oldest]) this.#oldest++;
    this.#time = at + 1;
    return { source, fields };
  }

  #read(register: Virtual): void {
    this.#waiting.ls.delete(register);
    this.#waiting.scl.delete(register);
    const left = this.#remaining.get(register)! - 1;
    this.#remaining.set(register, left);
    const { holder } = this.#files[register.kind];
    if (left === 0) holder[holder.indexOf(register)] = undefined;
  }

  #write(register: Virtual, place: number, end: number, name: string): void {
    const file = this.#files[register.kind];
    file.lock[place] = end;
    if (!this.#remaining.get(register)) return; // written and never read: only its time matters
    file.holder[place] = register;
    if (name === 'ldv' || name === 'ldh') this.#waiting.ls.add(register);
    if (name === 'sli') this.#waiting.scl.add(register);
  }
}
