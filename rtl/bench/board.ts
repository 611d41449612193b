/** A host at the accelerator's bus: what a driver on a board would do, on the Verilated RTL. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { MemoryTiming } from '../../src/accelerator/parameters.ts';
import { buildAccelerator, type RtlSizes, rtlFolder, type Top, timingCommand } from './bench.ts';

/** Addresses of the host's registers; docs/accelerator.md says what they do. */
const registers = { sizes: 0, control: 1, token: 2, end: 3, address: 4, beats: 5, memory: 6 } as const;
const instructionRegisters = { address: 7, low: 8, high: 9 } as const;
const slotRegisters = { select: 10, stage: 11 } as const;
const windowRegister = 16;

const running = 1 << 0;
const halted = 1 << 1;
const memoryBusy = 1 << 5;
const tokenFree = 1 << 6;
const outputWaits = 1 << 7;

/** What the harness of each top has to know. */
const argumentsOf: Readonly<Record<Top, (sizes: RtlSizes) => string[]>> = {
  pm_accelerator: ({ cores, memoryBeats }) => [String(cores), String(memoryBeats)],
  pm_on_chip: () => [],
  pm_ulx3s: () => [],
  // Half periods of the accelerator's clock and of the bus's: neither divides the other.
  pm_axi: ({ memoryBeats }) => [String(memoryBeats), '7', '5'],
  pm_ddr3: () => ['7', '5'],
};

export class Board {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  /** 32-bit words of a beat. */
  readonly #beatWords: number;

  constructor(sizes: RtlSizes, timing: MemoryTiming, top: Top = 'pm_accelerator') {
    const binary = buildAccelerator(sizes, top);
    const args = argumentsOf[top](sizes);
    this.#beatWords = sizes.lanes;
    this.#child = spawn(binary, args, { cwd: rtlFolder, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#answers = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
    this.#send(timingCommand(timing));
  }

  async close(): Promise<void> {
    this.#child.stdin!.end();
    if (this.#child.exitCode === null) await once(this.#child, 'close');
  }

  /** Resets the accelerator, not memory. */
  reset(cycles: number): void {
    this.#send(`reset ${cycles}`);
  }

  async sizes(): Promise<{ readonly cores: number; readonly maxLength: number }> {
    const word = await this.#read(registers.sizes);
    return { cores: word >>> 16, maxLength: word & 0xffff };
  }

  loadProgram(words: readonly bigint[]): void {
    this.#write(instructionRegisters.address, 0);
    for (const word of words) {
      this.#write(instructionRegisters.low, Number(word & 0xffff_ffffn));
      this.#write(instructionRegisters.high, Number(word >> 32n));
    }
  }

  async writeMemory(address: number, bytes: Uint8Array): Promise<void> {
    const beatWords = this.#beatWords;
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    this.#write(registers.address, address);
    for (let at = 0; at < words.length; at += beatWords) {
      for (let i = 0; i < beatWords; i++) this.#write(windowRegister + i, words[at + i]!);
      await this.#memory(2);
    }
  }

  async readMemory(address: number, beats: number): Promise<Uint8Array> {
    const beatWords = this.#beatWords;
    const words = new Uint32Array(beats * beatWords);
    this.#write(registers.address, address);
    for (let at = 0; at < words.length; at += beatWords) {
      await this.#memory(1);
      for (let i = 0; i < beatWords; i++) words[at + i] = await this.#read(windowRegister + i);
    }
    return new Uint8Array(words.buffer);
  }

  async clearMemory(address: number, beats: number): Promise<void> {
    this.#write(registers.address, address);
    this.#write(registers.beats, beats);
    await this.#memory(3);
  }

  start(): void {
    this.#write(registers.control, 1);
  }

  halt(): void {
    this.#write(registers.control, 2);
  }

  /** Slots of the machine. */
  batch(): Promise<number> {
    return this.#read(slotRegisters.select);
  }

  /** Hands over a token for each slot as soon as there is room. */
  async offer(tokens: readonly number[]): Promise<void> {
    await this.#wait(tokenFree, tokenFree);
    const last = tokens.length - 1;
    tokens.forEach((token, slot) => {
      this.#write(slotRegisters.select, slot);
      this.#write(slot === last ? registers.token : slotRegisters.stage, token);
    });
  }

  /** Hands over a token for each slot and returns those that come out. */
  async step(tokens: readonly number[]): Promise<number[]> {
    await this.offer(tokens);
    await this.#wait(outputWaits, outputWaits);
    const outputs: number[] = [];
    for (const slot of tokens.keys()) {
      this.#write(slotRegisters.select, slot);
      outputs.push(await this.#read(slot < tokens.length - 1 ? slotRegisters.stage : registers.token));
    }
    return outputs;
  }

  /** Ends the sequence. @returns the fault code, 0 for none */
  async end(): Promise<number> {
    this.#write(registers.end, 1);
    return ((await this.#wait(halted, halted)) >>> 2) & 7;
  }

  async running(): Promise<boolean> {
    return ((await this.#read(registers.control)) & running) !== 0;
  }

  #memory(command: 1 | 2 | 3): Promise<number> {
    this.#write(registers.memory, command);
    return this.#wait(memoryBusy, 0);
  }

  #write(register: number, value: number): void {
    this.#send(`write ${register} ${value >>> 0}`);
  }

  #read(register: number): Promise<number> {
    this.#send(`read ${register}`);
    return this.#answer();
  }

  #wait(mask: number, value: number): Promise<number> {
    this.#send(`wait ${mask} ${value} 1000000`);
    return this.#answer();
  }

  #send(command: string): void {
    this.#child.stdin!.write(`${command}\n`);
  }

  async #answer(): Promise<number> {
    const { value, done } = await this.#answers.next();
    if (done) throw new Error('the Verilated accelerator ended');
    if (/^\d+$/.test(value)) return Number(value);
    throw new Error(`the accelerator does not answer: ${value}`);
  }
}
