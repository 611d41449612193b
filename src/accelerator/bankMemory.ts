/**
 * DDR4 behind a controller: channels of 16 banks in four groups, open rows, activate, precharge, refresh, turnarounds
 * of the data bus, and a queue of requests from which each channel serves row hits first, then the oldest (FR-FCFS). Time
 * is counted in clocks of the DRAM ("ticks"). `rtl/bench/banks.h` is the same model for the co-simulation.
 */
import type { MemoryModel, MemoryRequest } from './memory.ts';
import { type BankTiming, ddr4Ticks as ticks } from './parameters.ts';

const groups = 4;
const banksPerChannel = 16;
/** Beats in one channel before addresses continue in the next. */
const interleave = 4;
/** Beats of a channel in one bank before addresses continue in the next. */
const run = 16;
/** A row has 8 KiB. */
const runsPerRow = 128 / run;

interface Entry {
  readonly bank: number;
  readonly row: number;
  readonly write: boolean;
  /** What a read's port waits for; nothing for a write. */
  readonly pending: Pending | undefined;
}

/** A read that has not been answered; `ready` is the cycle from which it can be. */
interface Pending {
  ready: number;
}

interface Bank {
  /** −1: closed. */
  row: number;
  /** First ticks for a column, a precharge and an activate command. */
  column: number;
  precharge: number;
  activate: number;
}

export class BankMemory implements MemoryModel {
  readonly #timing: BankTiming;
  readonly #channels: readonly Channel[];
  readonly #pending: readonly Pending[][];
  /** Requests that wait in all channels together. */
  #waiting = 0;
  #tick = 0;

  constructor(timing: BankTiming, ports: number) {
    this.#timing = timing;
    this.#channels = Array.from({ length: timing.channels }, (_, c) => new Channel(c, timing));
    this.#pending = Array.from({ length: ports }, () => []);
  }

  begin(t: number, respond: (port: number) => void): number {
    const { ports, queue, ticksNumerator, ticksDenominator } = this.#timing;
    const end = Math.floor(((t + 1) * ticksNumerator) / ticksDenominator);
    for (const channel of this.#channels) this.#waiting -= channel.advance(this.#tick, end, t);
    this.#tick = end;
    for (let port = 0; port < this.#pending.length; port++) {
      const pending = this.#pending[port]!;
      if (pending.length === 0 || pending[0]!.ready > t) continue;
      pending.shift();
      respond(port);
    }
    return Math.min(ports, queue * this.#channels.length - this.#waiting);
  }

  request(_t: number, { port, address, write }: MemoryRequest): void {
    const count = this.#channels.length;
    const pending = write ? undefined : { ready: Number.POSITIVE_INFINITY };
    if (pending) this.#pending[port]!.push(pending);
    const piece = Math.floor(address / interleave);
    const within = Math.floor((Math.floor(piece / count) * interleave + (address % interleave)) / run);
    const row = Math.floor(within / (runsPerRow * banksPerChannel));
    // The row's bits are mixed into the bank, so that streams at equal strides do not collide.
    const bank = (within ^ row) & (banksPerChannel - 1);
    this.#channels[piece % count]!.push({ bank, row, write, pending });
    this.#waiting++;
  }
}

class Channel {
  readonly #timing: BankTiming;
  readonly #banks: readonly Bank[];
  /** Oldest first. */
  readonly #queue: Entry[] = [];
  /** First ticks for a column command to each group, for any column command, and for an activate command. */
  readonly #groupColumn = new Float64Array(groups);
  #column = 0;
  #activate = 0;
  /** Ticks of the latest four activate commands, in a ring. */
  readonly #activates = new Float64Array(4).fill(-ticks.fourActivates);
  #activateCount = 0;
  #lastWrite = false;
  /** Ticks before which no column and no row command is possible; a new request or a command may change them. */
  #nextServe = 0;
  #nextOpen = 0;
  #nextRefresh: number;

  constructor(index: number, timing: BankTiming) {
    this.#timing = timing;
    this.#banks = Array.from({ length: banksPerChannel }, () => {
      return { row: -1, column: 0, precharge: 0, activate: 0 };
    });
    // Channels refresh in turn.
    this.#nextRefresh = Math.floor(((index + 1) * timing.refreshInterval) / timing.channels);
  }

  push(entry: Entry): void {
    this.#queue.push(entry);
    this.#reconsider();
  }

  /**
   * The ticks of cycle t, at most one command in each.
   * @returns how many requests left the queue
   */
  advance(from: number, end: number, t: number): number {
    let served = 0;
    for (let tick = from; this.#queue.length > 0; tick++) {
      while (tick >= this.#nextRefresh) this.#refresh(this.#nextRefresh);
      // Nothing happens before one of these.
      tick = Math.max(tick, Math.min(this.#nextServe, this.#nextOpen, this.#nextRefresh));
      if (tick >= end) break;
      if (tick === this.#nextRefresh) this.#refresh(tick);
      if (tick >= this.#nextServe && this.#serve(tick, t)) {
        served++;
        this.#reconsider();
      } else if (tick >= this.#nextOpen && this.#openRow(tick)) this.#reconsider();
    }
    return served;
  }

  #reconsider(): void {
    this.#nextServe = this.#column;
    this.#nextOpen = 0;
  }

  /** All rows are closed, and banks are busy for the time of a refresh; noticed when a request waits. */
  #refresh(tick: number): void {
    this.#nextRefresh += this.#timing.refreshInterval;
    this.#reconsider();
    for (const bank of this.#banks) {
      bank.row = -1;
      bank.activate = tick + ticks.precharge + this.#timing.refreshTicks;
    }
  }

  /** The oldest request whose row is open. */
  #serve(tick: number, t: number): boolean {
    const queue = this.#queue;
    let next = Number.POSITIVE_INFINITY;
    for (let i = 0; i < queue.length; i++) {
      const { bank: index, row, write, pending } = queue[i]!;
      const bank = this.#banks[index]!;
      const turnaround = write === this.#lastWrite ? 0 : write ? ticks.readToWrite : ticks.writeToRead;
      if (bank.row !== row) continue;
      const possible = Math.max(bank.column, this.#groupColumn[index % groups]!, this.#column + turnaround);
      if (tick < possible) {
        next = Math.min(next, possible);
        continue;
      }
      this.#column = tick + ticks.burst;
      this.#groupColumn[index % groups] = tick + ticks.burstInGroup;
      this.#lastWrite = write;
      bank.precharge = Math.max(bank.precharge, tick + (write ? ticks.writeRecovery : ticks.readToPrecharge));
      const { ticksNumerator, ticksDenominator, latency } = this.#timing;
      if (pending) {
        const data = ((ticks.readLatency + ticks.burst) * ticksDenominator) / ticksNumerator;
        pending.ready = t + Math.ceil(data) + latency;
      }
      queue.splice(i, 1);
      return true;
    }
    this.#nextServe = next;
    return false;
  }

  /**
   * An activate or precharge command for the oldest request that needs one and may have it.
   * @returns whether there was one
   */
  #openRow(tick: number): boolean {
    let seen = 0;
    let next = Number.POSITIVE_INFINITY;
    for (const { bank: index, row } of this.#queue) {
      if (seen & (1 << index)) continue;
      seen |= 1 << index;
      const bank = this.#banks[index]!;
      if (bank.row === row) continue;
      const possible = bank.row < 0 ? Math.max(bank.activate, this.#activate) : bank.precharge;
      if (tick >= possible) {
        if (bank.row < 0) this.#activateRow(bank, row, tick);
        else {
          bank.row = -1;
          bank.activate = tick + ticks.precharge;
        }
        return true;
      }
      next = Math.min(next, possible);
    }
    this.#nextOpen = next;
    return false;
  }

  #activateRow(bank: Bank, row: number, tick: number): void {
    this.#activates[this.#activateCount % 4] = tick;
    this.#activateCount++;
    const fourth = this.#activates[this.#activateCount % 4]!;
    this.#activate = Math.max(tick + ticks.activateToActivate, fourth + ticks.fourActivates);
    bank.row = row;
    bank.column = tick + ticks.activateToColumn;
    bank.precharge = tick + ticks.activateToPrecharge;
  }
}
