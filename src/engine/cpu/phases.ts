/**
 * Grouping the kernels of a program into phases, and cutting phases into pieces. Kernels that follow one another and do
 * not touch what the other writes share a phase. How many pieces a phase has depends on its work: a small kernel is one
 * piece, because handing it out would take longer than running it.
 */
import { isDenseProduct } from '../../kernels/cpu/gemm.ts';
import type { KernelCall } from '../../kernels/cpu/kernelCall.ts';
import { type Call, present } from '../../program/op.ts';
import { rowsOf } from '../../program/shapes.ts';
import { Tensor } from '../../program/tensor.ts';

/** A kernel call with what it takes to schedule it. */
export interface PlannedKernel {
  readonly call: KernelCall;
  readonly reads: readonly Tensor[];
  /** Tensors that may be written: outputs of the op, and scratch. */
  readonly writes: readonly Tensor[];
  /** Estimated time on one thread. */
  readonly nanoseconds: number;
}

export interface Phase {
  readonly kernels: readonly { readonly call: KernelCall; readonly pieces: number }[];
  readonly pieces: number;
  /** Sleeping threads that are woken for it. */
  readonly wakes: number;
  /** A piece is that of every kernel, one after the other. */
  readonly together: boolean;
}

/** Work of this many nanoseconds is worth a piece: handing one out takes some tenths of a microsecond. */
export const worthAPiece = 4000;
/** Pieces of a long phase for each thread: the last one to finish keeps the others waiting for a piece at most. */
const piecesOfThread = 4;
/**
 * Two threads take several pieces each only of so much more work: they rarely wait long for one another, and every piece
 * fetches rows and weights again. Of more threads, one is often late.
 */
const longPieces = 20;
/** Waking a thread pays for this much work. */
const wakeNanoseconds = 100_000;
/** The ticket counts pieces in 16 bits, and claims beyond the last. */
const maxPieces = 4096;

/** What a kernel of an op's call needs, estimated from the call's cost, of which each of its kernels takes a part. */
export function plannedKernels(call: Call, kernels: readonly KernelCall[]): PlannedKernel[] {
  const inputs = new Set(present(call.inputs));
  const outputs = new Set(present(call.outputs));
  const cost = call.op.cost(call);
  // Operations a nanosecond on one thread: 128-bit vectors at some 3 GHz, a third of their peak.
  const floats = cost.additions - cost.integerAdditions + cost.multiplications + cost.productMultiplications;
  const compute = floats / 8 + cost.integerAdditions / 40 + cost.special;
  const counted = kernels.filter(({ prepares }) => !prepares);
  return kernels.map((kernel) => {
    const tensors = [...new Set(Object.values(kernel.args).filter((value) => value instanceof Tensor))];
    const operands = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
    const scratch = tensors.reduce(
      (sum, tensor) => sum + (inputs.has(tensor) || outputs.has(tensor) ? 0 : tensor.bytes),
      0,
    );
    // An op may read less than its operands hold, such as a few rows of a table.
    const bytes = Math.min(operands, scratch + cost.bytesRead + cost.bytesWritten);
    return {
      call: kernel,
      reads: tensors.filter((tensor) => inputs.has(tensor) && !outputs.has(tensor)),
      writes: tensors.filter((tensor) => !inputs.has(tensor) || outputs.has(tensor)),
      nanoseconds: bytes / 8 + (kernel.prepares ? 0 : compute / counted.length),
    };
  });
}

export interface Cut {
  readonly threads: number;
  /** Work that is worth a piece, in nanoseconds. */
  readonly pieceWork: number;
}

interface Member {
  readonly kernel: PlannedKernel;
  readonly spans: Spans;
}

function kernelsOf(group: readonly Member[]): PlannedKernel[] {
  return group.map(({ kernel }) => kernel);
}

/** Whether all kernels of a group take the same rows. */
function takesRows(group: readonly Member[]): boolean {
  const { rows } = group[0]!.kernel.call;
  return rows !== undefined && group.every(({ kernel }) => kernel.call.rows === rows);
}

/** Phases of these kernels; `place` says where tensors lie. */
export function phasesOf(
  kernels: readonly PlannedKernel[],
  cut: Cut,
  place: (tensor: Tensor) => number,
): Phase[] {
  if (cut.threads <= 1) return kernels.map((kernel) => phaseOf([kernel], cut));
  const phases: Phase[] = [];
  const members = preparedFirst(kernels.map((kernel) => ({ kernel, spans: spansOf(kernel, place) })));
  let group: Member[] = [];
  const close = () => {
    if (group.length > 0)
      phases.push(takesRows(group) ? chainPhase(group, cut) : phaseOf(kernelsOf(group), cut));
    group = [];
  };
  for (const { kernel, spans } of members) {
    if (follows(kernel, spans, group)) {
      phases.push(jointPhase(kernelsOf(group), kernel, cut));
      group = [];
      continue;
    }
    const { rows } = kernel.call;
    // A kernel that is one piece is run by the thread that completes the phase before it, which hands nothing out.
    const isSmall = rows === undefined && kernel.nanoseconds < 2 * cut.pieceWork;
    const goesOn = rows !== undefined && isChained(kernel, spans, group);
    const isApart = group.length > 1 && takesRows(group); // its kernels may depend on one another
    if (!goesOn && (isSmall || isApart || group.some((other) => conflict(other.spans, spans)))) close();
    group.push({ kernel, spans });
    if (isSmall) close();
  }
  close();
  return phases;
}

/** Products of the same rows follow one another: what prepares one goes before those that it is independent of. */
function preparedFirst(members: readonly Member[]): Member[] {
  const ordered: Member[] = [];
  for (const member of members) {
    let at = ordered.length;
    if (member.kernel.call.prepares) while (at > 0 && isPassed(ordered[at - 1]!, member)) at--;
    ordered.splice(at, 0, member);
  }
  return ordered;
}

function isPassed(product: Member, { spans }: Member): boolean {
  return product.kernel.call.quarter !== undefined && !conflict(product.spans, spans);
}

function timeOf(kernels: readonly PlannedKernel[]): number {
  return kernels.reduce((sum, { nanoseconds }) => sum + nanoseconds, 0);
}

/** Pieces that so much work is worth: the same number for each thread, unless there are fewer than threads. */
function maxPiecesFor(total: number, { threads, pieceWork }: Cut): number {
  const roundWork = threads === 2 ? longPieces * pieceWork : pieceWork;
  const rounds = Math.min(Math.floor(total / threads / roundWork), piecesOfThread);
  const most = rounds > 0 ? rounds * threads : Math.min(Math.floor(total / pieceWork), threads);
  return Math.min(most, maxPieces);
}

function phaseOf(kernels: readonly PlannedKernel[], cut: Cut): Phase {
  const { threads } = cut;
  const total = timeOf(kernels);
  const most = maxPiecesFor(total, cut);
  const shared = kernels.map(({ call, nanoseconds }) => {
    const limit = Math.min(call.maxPieces ?? most, isDenseProduct(call) ? threads : most);
    const pieces = Math.floor((most * nanoseconds) / total);
    return { call, pieces: threads <= 1 ? 1 : Math.max(1, Math.min(pieces, limit)) };
  });
  const pieces = shared.reduce((sum, one) => sum + one.pieces, 0);
  return { kernels: shared, pieces, wakes: wakesFor(pieces, total), together: false };
}

/** Sleeping threads that are worth waking for a phase. */
function wakesFor(pieces: number, nanoseconds: number): number {
  return Math.min(pieces - 1, Math.floor(nanoseconds / wakeNanoseconds));
}

/**
 * Whether each piece of the products of a phase can be followed by this kernel: it reads, of what they write, only the
 * columns of the piece, and writes nothing that pieces of others read or write.
 */
function follows({ call }: PlannedKernel, { reads, writes }: Spans, group: readonly Member[]): boolean {
  const { follower } = call;
  if (!follower || group.length === 0) return false;
  return group.every(
    ({ kernel, spans }) =>
      kernel.call.quarter === follower.quarter &&
      !meet(writes, spans.reads) &&
      !meet(writes, spans.writes) &&
      !meet(
        reads.filter((read) => !spans.writes.some((written) => isSame(read, written))),
        spans.writes,
      ),
  );
}

/** Products, and the kernel that follows each piece of them. */
function jointPhase(products: readonly PlannedKernel[], last: PlannedKernel, cut: Cut): Phase {
  const planes = last.call.follower!.planes;
  const call = { ...last.call, args: { ...last.call.args, planes } };
  return togetherPhase([...products.map((product) => product.call), call], timeOf(products), maxPieces, cut);
}

/**
 * Whether a thread can run a share of this kernel's rows as soon as it has run its own share of the group's kernels, all of
 * which take rows: what they have in common are the same rows of the same memory.
 */
function isChained({ call }: PlannedKernel, spans: Spans, group: readonly Member[]): boolean {
  return group.every(
    (other) =>
      other.kernel.call.rows === call.rows &&
      !meetApart(spans.writes, other.spans.writes) &&
      !meetApart(spans.writes, other.spans.reads) &&
      !meetApart(spans.reads, other.spans.writes),
  );

  function meetApart(some: readonly Span[], others: readonly Span[]): boolean {
    return some.some((one) =>
      others.some((other) => meet([one], [other]) && !(isSame(one, other) && isRows(one) && isRows(other))),
    );
  }

  function isRows([, , rows]: Span): boolean {
    return rows === call.rows;
  }
}

/** Kernels that take the same rows: each piece is its share of all of them, one after the other. */
function chainPhase(group: readonly Member[], cut: Cut): Phase {
  const members = kernelsOf(group);
  const calls = members.map(({ call }) => call);
  return togetherPhase(calls, timeOf(members), calls[0]!.rows!, cut);
}

/** A phase of which each piece is a share of every kernel. */
function togetherPhase(calls: readonly KernelCall[], total: number, limit: number, cut: Cut): Phase {
  const pieces = Math.max(1, Math.min(maxPiecesFor(total, cut), limit));
  const kernels = calls.map((call) => ({ call, pieces }));
  return { kernels, pieces, wakes: wakesFor(pieces, total), together: true };
}

interface Spans {
  readonly reads: readonly Span[];
  readonly writes: readonly Span[];
}

type Span = readonly [start: number, end: number, rows: number];

function spansOf({ reads, writes }: PlannedKernel, place: (tensor: Tensor) => number): Spans {
  const span = (tensor: Tensor): Span => [place(tensor), place(tensor) + tensor.bytes, rowsOf(tensor)];
  return { reads: reads.map(span), writes: writes.map(span) };
}

/** Whether one writes what the other reads or writes. Memory counts, not names: temporaries share it. */
function conflict(a: Spans, b: Spans): boolean {
  return meet(a.writes, b.writes) || meet(a.writes, b.reads) || meet(a.reads, b.writes);
}

function isSame([start, end]: Span, [otherStart, otherEnd]: Span): boolean {
  return start === otherStart && end === otherEnd;
}

function meet(some: readonly Span[], others: readonly Span[]): boolean {
  return some.some(([start, end]) =>
    others.some(([otherStart, otherEnd]) => start < otherEnd && otherStart < end),
  );
}
