/** DRAM as the cluster's ports see it: how many requests it takes in a cycle, and when it answers reads. */
import { BankMemory } from './bankMemory.ts';
import type { MemoryTiming } from './parameters.ts';
import { SlotMemory } from './slotMemory.ts';

/** A read or a write of one beat. */
export interface MemoryRequest {
  readonly port: number;
  /** In beats. */
  readonly address: number;
  readonly write: boolean;
}

/** The timing of memory; its content is the machine's. Calls come in this order in each cycle. */
export interface MemoryModel {
  /**
   * Begins cycle t.
   * @param respond receives each port that gets a response in this cycle, at most once
   * @returns how many requests memory takes in this cycle
   */
  begin(t: number, respond: (port: number) => void): number;
  /** Takes a request in cycle t. */
  request(t: number, request: MemoryRequest): void;
}

export function memoryModel(timing: MemoryTiming, ports: number): MemoryModel {
  return timing.kind === 'banks' ? new BankMemory(timing, ports) : new SlotMemory(timing, ports);
}
