/**
 * Memory planning: every temporary gets an offset in one arena before anything runs. Two temporaries share
 * bytes only if their lifetimes do not meet, or if an op may write its output over its input.
 */
import { type Call, present } from './op.ts';
import type { Program } from './record.ts';
import type { Tensor } from './tensor.ts';

/** Offsets are multiples of this many bytes: a cache line, and WebGPU's smallest useful alignment divides it. */
const alignment = 256;

export interface MemoryPlan {
  /** Offset in the arena of each temporary, and of each transient variable that is placed there, in bytes. */
  readonly offsets: ReadonlyMap<Tensor, number>;
  /** Size of the arena in bytes: the memory of a run beyond its variables and inputs. */
  readonly peakBytes: number;
  /** Bytes of variables and inputs. */
  readonly persistentBytes: number;
}

/** A stretch of memory: one temporary, or several that are written over one another. */
interface Block {
  readonly tensors: Tensor[];
  bytes: number;
  first: number;
  last: number;
  offset: number;
}

export interface PlanOptions {
  /** No temporary crosses a multiple of it, for engines whose arena is several buffers. */
  readonly pageBytes?: number;
  /** Scratch of an engine's kernels: temporaries that live during one call only. */
  readonly scratchOf?: (call: Call) => readonly Tensor[];
  /** Whether transient variables lie in the arena. */
  readonly placesTransient?: boolean;
  /** Blocks of at most so many bytes keep their memory for some lines after their last use. */
  readonly lingering?: { readonly lines: number; readonly bytes: number };
}

export function planMemory(program: Program, options: PlanOptions = {}): MemoryPlan {
  const {
    pageBytes = Number.POSITIVE_INFINITY,
    scratchOf = () => [],
    placesTransient = false,
    lingering,
  } = options;
  checkAssignments(program);
  const found = findBlocks(program, scratchOf);
  for (const block of found) if (lingering && block.bytes <= lingering.bytes) block.last += lingering.lines;
  const transient = placesTransient ? transientBlocks(program) : [];
  const blocks = placeInArena([...found, ...transient], pageBytes);
  const offsets = new Map<Tensor, number>();
  for (const block of blocks) for (const tensor of block.tensors) offsets.set(tensor, block.offset);
  const peakBytes = blocks.reduce((peak, block) => Math.max(peak, block.offset + aligned(block.bytes)), 0);
  const stored = new Set(program.persistent().map((tensor) => tensor.storage));
  const persistentBytes = [...stored]
    .filter((tensor) => !offsets.has(tensor))
    .reduce((sum, tensor) => sum + aligned(tensor.bytes), 0);
  return { offsets, peakBytes, persistentBytes };
}

export function aligned(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

/** Lifetimes in lines of the program, with in-place outputs joined to the input that they overwrite. */
function findBlocks(program: Program, scratchOf: (call: Call) => readonly Tensor[]): Block[] {
  const lastUse = lastUses(program);
  const blockOf = new Map<Tensor, Block>();
  const blocks: Block[] = [];
  const born = (tensor: Tensor, line: number) => {
    if (program.assignments.has(tensor)) return;
    const block = {
      tensors: [tensor],
      bytes: tensor.bytes,
      first: line,
      last: lastUse.get(tensor) ?? line,
      offset: 0,
    };
    blocks.push(block);
    blockOf.set(tensor, block);
  };
  program.calls.forEach((call, line) => {
    for (const [name, tensor] of Object.entries(call.outputs)) {
      if (!tensor) continue;
      const over = overwritten(program, call, name);
      const block = over && lastUse.get(over) === line ? blockOf.get(over) : undefined;
      if (block && block.last === line && block.bytes >= tensor.bytes && !program.assignments.has(tensor)) {
        block.tensors.push(tensor);
        block.last = lastUse.get(tensor)!;
        blockOf.set(tensor, block);
      } else {
        born(tensor, line);
      }
    }
    for (const tensor of scratchOf(call)) born(tensor, line);
  });
  return blocks;
}

/** Transient variables, from the first use of a part to the program's end. */
function transientBlocks(program: Program): Block[] {
  const first = new Map<Tensor, number>();
  program.calls.forEach((call, line) => {
    for (const tensor of [...present(call.inputs), ...present(call.outputs)]) {
      const { storage } = program.assignments.get(tensor) ?? tensor;
      if (!first.has(storage)) first.set(storage, line);
    }
  });
  return [...program.transient].map((tensor) => ({
    ...{ tensors: [tensor], bytes: tensor.bytes, offset: 0 },
    ...{ first: first.get(tensor) ?? 0, last: program.calls.length },
  }));
}

/** The temporary input that this output may be written over, if the op allows it. */
function overwritten(program: Program, call: Call, output: string): Tensor | undefined {
  const over = call.op.inPlace?.[output];
  const tensor = over === undefined ? undefined : call.inputs[over];
  if (tensor?.kind !== 'temporary' || program.outputs.has(tensor)) return undefined;
  // A kernel reads an element before it writes the same one; elements of another size lie over others.
  if (elementBytes(tensor) !== elementBytes(call.outputs[output]!)) return undefined;
  // The same tensor twice among the inputs would be read after it was overwritten.
  return present(call.inputs).filter((other) => other === tensor).length === 1 ? tensor : undefined;
}

function elementBytes({ bytes, size }: Tensor): number {
  return bytes / size;
}

function lastUses(program: Program): Map<Tensor, number> {
  const last = new Map<Tensor, number>();
  program.calls.forEach((call, line) => {
    for (const tensor of [...present(call.inputs), ...present(call.outputs)]) {
      if (tensor.kind === 'temporary') last.set(tensor, line);
    }
  });
  for (const tensor of program.outputs) last.set(tensor, program.calls.length);
  return last;
}

/** Greedy by size: the largest block first, each at the lowest offset that is free during its lifetime. */
function placeInArena(blocks: Block[], pageBytes: number): Block[] {
  /** In the order of their offsets. */
  const placed: Block[] = [];
  for (const block of [...blocks].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    const bytes = aligned(block.bytes);
    for (const other of placed) {
      if (other.first > block.last || block.first > other.last) continue;
      if (block.offset + bytes <= other.offset) break;
      const end = Math.max(block.offset, other.offset + aligned(other.bytes));
      block.offset = withinPage(end, bytes, pageBytes);
    }
    const next = placed.findIndex((other) => other.offset > block.offset);
    placed.splice(next < 0 ? placed.length : next, 0, block);
  }
  return placed;
}

/** The first offset from `offset` on at which `bytes` lie in one page. */
function withinPage(offset: number, bytes: number, pageBytes: number): number {
  const pageEnd = (Math.floor(offset / pageBytes) + 1) * pageBytes;
  return offset + bytes > pageEnd ? pageEnd : offset;
}

/** An assigned variable holds its new value from the producing call on; a later reader would be misled. */
function checkAssignments(program: Program): void {
  const written = new Map<Tensor, number>();
  program.calls.forEach((call, line) => {
    for (const tensor of present(call.inputs)) {
      if (written.has(tensor)) {
        throw new Error(
          `program ${program.name}, line ${line}: ${call.op.name} reads ${tensor.name} after it was assigned`,
        );
      }
    }
    for (const tensor of present(call.outputs)) {
      const target = program.assignments.get(tensor);
      if (target && written.has(target))
        throw new Error(`program ${program.name}: ${target.name} is assigned twice`);
      if (target) written.set(target, line);
    }
  });
}
