/**
 * The cycle-accurate simulator: issue, units, cores, arbiter and memory, cycle by cycle as docs/accelerator.md
 * says, around the machine that computes the values. The RTL agrees with it in every cycle.
 */
import { InputError } from '../errors.ts';
import { MemoryArbiter, RoundRobin } from './arbiter.ts';
import {
  collectPipeline,
  firstIssue,
  iterationCycles,
  jumpCycles,
  rowCycles,
  scalarCycles,
} from './cycles.ts';
import { type Needs, needsOf } from './hazards.ts';
import { type Host, type Tokens, tokensOf } from './host.ts';
import { decode, type Instruction, type units } from './instructionSet.ts';
import { LoadStoreTimer } from './loadStore.ts';
import { type FaultCode, Machine, type Part } from './machine.ts';
import { type MemoryModel, memoryModel } from './memory.ts';
import type { MachineSizes, MemoryTiming } from './parameters.ts';
import { emptyStatistics, type StallCause, type Statistics } from './statistics.ts';
import { TernaryCore } from './ternaryCore.ts';
import type { TraceEvent } from './trace.ts';

const [LS, ROW, SCL, TMV] = [0, 1, 2, 3] as const;

/** A line of the program: its instruction, or nothing if it is illegal. */
interface Line {
  readonly instruction: Instruction | undefined;
  readonly needs: Needs;
}

/** An instruction of a unit, from issue to done. */
export interface Span {
  readonly unit: (typeof units)[number];
  readonly name: string;
  readonly pc: number;
  readonly start: number;
  end: number;
}

/** What a cluster runs, and with which sizes and timing. */
export interface ClusterOptions {
  readonly sizes: MachineSizes;
  readonly timing: MemoryTiming;
  readonly program: readonly bigint[];
  /**
   * DRAM; the run changes it. A number of beats instead simulates time only: nothing is computed, and checksums
   * and tokens mean nothing.
   */
  readonly memory: Uint8Array | { readonly beats: number };
  readonly host: Host;
  /** Receives every event, not in order. */
  readonly onEvent?: (event: TraceEvent) => void;
  /** Receives every instruction that held a unit, when it issues (`end` follows). */
  readonly onSpan?: (span: Span) => void;
}

/** Where, when and why a cluster stopped. */
export interface Halt {
  readonly cycle: number;
  readonly code: FaultCode;
  readonly pc: number;
}

/** A `tmv` under way. */
interface Product {
  readonly instruction: Instruction;
  readonly pc: number;
  readonly span: Span;
  blocksLeft: number;
}

/** Simulates cores, memory and host cycle by cycle. */
export class Cluster {
  readonly machine: Machine;
  readonly statistics: Statistics;
  readonly #options: ClusterOptions;
  readonly #timeOnly: boolean;
  readonly #lines: readonly Line[];
  readonly #cores: readonly TernaryCore[];
  readonly #inFlight: Int32Array;
  readonly #memoryArbiter: MemoryArbiter;
  readonly #memory: MemoryModel;
  readonly #collector: RoundRobin;
  readonly #ls: LoadStoreTimer;
  /** First cycles in which units, registers, banks and scalars (as destinations) are free again. */
  readonly #unitFree = [0, 0, 0, 0];
  readonly #vectorFree = new Float64Array(8);
  readonly #bankFree = new Float64Array(2);
  readonly #scalarFree = new Float64Array(16);
  #t = 0;
  #pc = 0;
  #nextIssue = firstIssue;
  #loadStore:
    | {
        readonly needs: Needs;
        readonly span: Span;
        readonly checksum: number;
        readonly addresses: Iterator<number>;
      }
    | undefined;
  /** Addresses of the next beats of the streams. */
  readonly #streamed: Float64Array;
  /** Ports that get a response in this cycle. */
  readonly #answered: number[] = [];
  /** Ports whose request memory takes in this cycle. */
  readonly #granted: number[] = [];
  #product: Product | undefined;
  #halt: Halt | undefined;

  constructor(options: ClusterOptions) {
    const { sizes, timing, program, memory } = options;
    this.#timeOnly = !(memory instanceof Uint8Array);
    this.machine =
      memory instanceof Uint8Array
        ? new Machine(sizes, memory)
        : new Machine(sizes, new Uint8Array(0), memory.beats);
    if (program.length > sizes.rom) {
      throw new InputError(`program: found ${program.length} instructions, expected at most ${sizes.rom}`);
    }
    this.#options = options;
    this.#lines = program.map((word) => {
      const instruction = decode(word);
      const none = { unit: -1, vectors: [], banks: [], scalars: [], written: 0 };
      return { instruction, needs: instruction ? needsOf(instruction) : none };
    });
    const { cores, fifo, outQueue } = sizes;
    this.#cores = Array.from({ length: cores }, () => new TernaryCore(fifo, outQueue));
    this.#inFlight = new Int32Array(cores);
    this.#streamed = new Float64Array(cores);
    this.#memoryArbiter = new MemoryArbiter(cores);
    this.#memory = memoryModel(timing, cores + 1);
    this.#collector = new RoundRobin(cores);
    this.#ls = new LoadStoreTimer();
    this.statistics = emptyStatistics(cores);
  }

  /** Cycles so far. */
  get cycle(): number {
    return this.#t;
  }

  /** Set once the cluster has halted. */
  get halted(): Halt | undefined {
    return this.#halt;
  }

  /**
   * Runs until the program halts.
   * @param maxCycles stops a program that does not end; counted from now
   * @returns how it halted, or undefined if it has not yet
   */
  run(maxCycles = Number.POSITIVE_INFINITY): Halt | undefined {
    const end = this.#t + maxCycles;
    while (!this.#halt && this.#t < end) this.#step();
    return this.#halt;
  }

  /** One cycle: everything is decided from the state at its start, then the state changes. */
  #step(): void {
    const t = this.#t;
    const underrun = this.#product !== undefined && this.#cores.some((core) => core.underrun);
    const decision = this.#decide(t);
    this.#serveMemory(t);
    this.#advanceCores(t);
    this.#receive(t);
    this.#countUnits(t);
    if (typeof decision === 'string') this.statistics.stalls[decision]++;
    else if ('line' in decision) this.#issue(t, decision.line.instruction!, decision.line.needs);
    else this.#stop(t + 1, decision.code, this.#pc);
    if (underrun) this.#stop(t + 1, 4, this.#product!.pc);
    this.#t = t + 1;
    this.statistics.cycles = this.#t;
  }

  #decide(t: number): StallCause | { readonly line: Line } | { readonly code: FaultCode } {
    if (t < this.#nextIssue) return 'start and jumps';
    const line = this.#lines[this.#pc];
    const code = this.#faultOf(line);
    if (code !== undefined) {
      return this.#unitFree.every((free) => free <= t) ? { code } : 'waiting to halt';
    }
    return this.#blocker(t, line!) ?? { line: line! };
  }

  /** A code if the instruction halts instead of issuing. */
  #faultOf(line: Line | undefined): FaultCode | undefined {
    if (this.#pc >= this.#options.sizes.rom) return 5;
    // Words behind the program are 0, which is not an instruction.
    if (!line?.instruction) return 1;
    const fault = this.machine.faultOf(line.instruction);
    if (fault !== 0) return fault;
    return line.instruction.operation.name === 'halt' ? 0 : undefined;
  }

  #blocker(t: number, { instruction, needs }: Line): StallCause | undefined {
    const { name } = instruction!.operation;
    const unit = name === 'tout' ? TMV : needs.unit;
    if (unit >= 0 && this.#unitFree[unit]! > t) {
      return (['load/store busy', 'row-wise busy', 'scalar unit busy', 'ternary unit busy'] as const)[unit]!;
    }
    if (name === 'wst' && this.#cores[instruction!.fields.core!]!.toRequest > 0) {
      return 'weight streamer busy';
    }
    if (needs.vectors.some((v) => this.#vectorFree[v]! > t)) return 'vector register';
    if (needs.banks.some((q) => this.#bankFree[q]! > t)) return 'activation bank';
    if (needs.scalars.some((s) => this.#scalarFree[s]! > t)) return 'scalar register';
    if (name !== 'tin') return undefined;
    // The token is taken here; nothing else can keep `tin` from issuing.
    const offered = this.#options.host.next();
    if (offered === undefined) return 'host';
    this.#offered = offered === 'end' ? offered : tokensOf(offered);
    return undefined;
  }

  #offered: Tokens | 'end' = 'end';

  #issue(t: number, instruction: Instruction, needs: Needs): void {
    const { name, unit } = instruction.operation;
    const pc = this.#pc;
    this.statistics.instructions++;
    this.#options.onEvent?.({ kind: 'I', cycle: t, pc });
    this.#pc++;
    this.#nextIssue = t + 1;
    if (unit === 'control') {
      this.#control(t, instruction);
      return;
    }
    const span: Span = { unit, name, pc, start: t, end: Number.POSITIVE_INFINITY };
    this.#options.onSpan?.(span);
    this.#hold(needs, Number.POSITIVE_INFINITY);
    if (unit === 'tmv') this.#beginProduct(instruction, pc, span);
    else if (unit === 'ls') this.#beginLoadStore(t, instruction, needs, span);
    else {
      const checksum = this.#execute(instruction)!;
      const cycles =
        unit === 'row'
          ? rowCycles(instruction.fields.len!, this.#options.sizes)
          : name === 'srcp' || name === 'srsq'
            ? iterationCycles
            : scalarCycles;
      this.#done(t + cycles, needs, span, checksum);
    }
  }

  #execute(instruction: Instruction): number | undefined {
    return this.#timeOnly ? 0 : this.machine.execute(instruction);
  }

  #control(t: number, instruction: Instruction): void {
    const { operation, fields } = instruction;
    const { name } = operation;
    const jump = () => {
      this.#pc = fields.target!;
      this.#nextIssue = t + jumpCycles;
    };
    if (name === 'jmp') jump();
    if (name === 'tin') {
      if (this.#offered === 'end') jump();
      else this.machine.read(this.#offered);
    }
    if (name === 'tout') {
      this.machine.outputs.forEach((token, slot) => {
        this.#options.onEvent?.({ kind: 'O', cycle: t, token });
        this.#options.host.take(token, slot);
      });
    }
    if (name === 'wst') {
      this.#execute(instruction);
      this.#cores[fields.core!]!.toRequest = fields.beats!;
      this.#streamed[fields.core!] = fields.addr!;
    }
  }

  #beginProduct(instruction: Instruction, pc: number, span: Span): void {
    const { lanes, columns } = this.#options.sizes;
    const blocks = Math.ceil(instruction.fields.rows! / lanes);
    const beats = Math.ceil(instruction.fields.cols! / columns);
    const count = this.#cores.length;
    this.#product = { instruction, pc, span, blocksLeft: blocks };
    this.#cores.forEach((core, c) => {
      core.begin(Math.max(0, Math.ceil((blocks - c) / count)), beats);
    });
  }

  #beginLoadStore(t: number, instruction: Instruction, needs: Needs, span: Span): void {
    const { name } = instruction.operation;
    const kind = name === 'sv' ? 'store' : name === 'ldv' ? 'load' : 'narrowLoad';
    const parts = this.machine.access(instruction);
    const total = parts.reduce((sum, { beats }) => sum + beats, 0);
    this.#ls.begin(t, total, kind);
    const addresses = beatsOfParts(parts);
    this.#loadStore = { needs, span, checksum: this.#execute(instruction)!, addresses };
  }

  #serveMemory(t: number): void {
    const cores = this.#cores;
    const answered = this.#answered;
    const granted = this.#granted;
    answered.length = 0;
    granted.length = 0;
    const slots = this.#memory.begin(t, (port) => answered.push(port));
    this.#memoryArbiter.serve(
      slots,
      (port) => (port < cores.length ? cores[port]!.wantsMemory() : this.#ls.wantsMemory(t)),
      (port) => granted.push(port),
    );
    // Requests of one cycle enter memory's queues in the order of their ports.
    if (granted.length > 1) granted.sort((a, b) => a - b);
    for (const port of granted) {
      if (port < cores.length) this.#grantStreamer(t, port);
      else this.#grantLoadStore(t);
    }
  }

  #grantStreamer(t: number, core: number): void {
    this.#memory.request(t, { port: core, address: this.#streamed[core]!++, write: false });
    this.#cores[core]!.grant();
    this.statistics.weightBeats++;
  }

  #grantLoadStore(t: number): void {
    const write = this.#ls.writes;
    if (write) this.statistics.storeBeats++;
    else this.statistics.loadBeats++;
    const address = this.#loadStore!.addresses.next().value as number;
    this.#memory.request(t, { port: this.#cores.length, address, write });
    this.#endLoadStore(this.#ls.grant(t));
  }

  /** Responses of cycle t are seen from the next cycle on. */
  #receive(t: number): void {
    for (const port of this.#answered) {
      if (port < this.#cores.length) this.#cores[port]!.receive();
      else this.#endLoadStore(this.#ls.receive(t));
    }
  }

  #endLoadStore(end: number | undefined): void {
    if (end === undefined) return;
    const { needs, span, checksum } = this.#loadStore!;
    this.#done(end, needs, span, checksum);
  }

  #advanceCores(t: number): void {
    const cores = this.#cores;
    for (let c = 0; c < cores.length; c++) this.#inFlight[c] = cores[c]!.inFlight;
    const product = this.#product;
    if (product) {
      this.#collector.serve(
        1,
        (c) => cores[c]!.canBeCollected(t),
        (c) => {
          cores[c]!.collect();
          product.blocksLeft--;
        },
      );
    }
    for (let c = 0; c < cores.length; c++) {
      this.statistics.cores[c]![cores[c]!.step(t, this.#inFlight[c]!)]++;
    }
    if (product?.blocksLeft === 0) {
      this.#product = undefined;
      const checksum = this.#execute(product.instruction)!;
      this.#done(t + collectPipeline, needsOf(product.instruction), product.span, checksum);
    }
  }

  #hold(needs: Needs, until: number): void {
    this.#unitFree[needs.unit] = until;
    for (const v of needs.vectors) this.#vectorFree[v] = until;
    for (const q of needs.banks) this.#bankFree[q] = until;
    if (needs.written) this.#scalarFree[needs.written] = until;
  }

  #done(f: number, needs: Needs, span: Span, checksum: number): void {
    this.#hold(needs, f);
    span.end = f;
    this.#options.onEvent?.({ kind: 'R', cycle: f, pc: span.pc, checksum });
  }

  #countUnits(t: number): void {
    const busy = this.statistics.unitBusy;
    if (this.#unitFree[LS]! > t) busy.ls++;
    if (this.#unitFree[ROW]! > t) busy.row++;
    if (this.#unitFree[SCL]! > t) busy.scl++;
    if (this.#unitFree[TMV]! > t) busy.tmv++;
  }

  #stop(cycle: number, code: FaultCode, pc: number): void {
    this.#halt = { cycle, code, pc };
    this.#options.onEvent?.({ kind: 'H', cycle, code, pc });
  }
}

function* beatsOfParts(parts: readonly Part[]): Generator<number> {
  for (const { address, beats } of parts) for (let k = 0; k < beats; k++) yield address + k;
}
