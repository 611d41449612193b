/** Follows an answer token by token, and tells which tokens may come next so that it has the form that was asked for. */
import { InputError } from '../../errors.ts';
import type { Machine, State } from './machine.ts';
import { PlainText } from './plainText.ts';
import {
  type ConstraintTokenizer,
  maxPlain,
  type TokenTrie,
  type Vocabulary,
  vocabularyOf,
} from './tokenTrie.ts';

/** Nodes of the automaton that may be visited for one token. */
const visitsOfToken = 300_000;
/** Bytes that are appended at once because nothing else may come. */
const maxForced = 4096;

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A form that answers must have, made ready for a tokenizer. Answers share what was found of it. */
export class Constraint {
  readonly #machine: Machine;
  readonly #tokenizer: ConstraintTokenizer;
  readonly #forces: boolean;
  readonly #plain: PlainText;

  /** @param forces whether stretches without a choice come without asking the model, which then gives no logits for them */
  constructor(
    machine: Machine,
    tokenizer: ConstraintTokenizer,
    forces = true,
    plain = new PlainText(machine),
  ) {
    this.#machine = machine;
    this.#tokenizer = tokenizer;
    this.#forces = forces;
    this.#plain = plain;
  }

  /** The same form, but the model is asked for every token. */
  unforced(): Constraint {
    return new Constraint(this.#machine, this.#tokenizer, false, this.#plain);
  }

  /** A matcher before the first token. */
  start(): Matcher {
    return new Matcher(this.#machine, this.#plain, this.#tokenizer, this.#forces);
  }
}

export class Matcher {
  readonly #machine: Machine;
  readonly #tokenizer: ConstraintTokenizer;
  readonly #plain: PlainText;
  readonly #vocabulary: Vocabulary;
  readonly #forces: boolean;
  #state: State;

  /** Use `Constraint.start`. */
  constructor(machine: Machine, plain: PlainText, tokenizer: ConstraintTokenizer, forces: boolean) {
    this.#machine = machine;
    this.#tokenizer = tokenizer;
    this.#forces = forces;
    this.#plain = plain;
    this.#vocabulary = vocabularyOf(tokenizer);
    this.#machine.allow(visitsOfToken);
    this.#state = machine.start();
  }

  /** Whether the answer may end here. */
  get isComplete(): boolean {
    return this.#state.accepts;
  }

  /** Whether it must: nothing may follow. */
  get isEnded(): boolean {
    return this.#state.items.length === 0;
  }

  /**
   * The tokens that may come next, a bit each: token t is bit t mod 32 of word t / 32. Tokens that end an answer are not
   * among them. The caller must not change it.
   */
  allowed(): Uint32Array {
    this.#machine.allow(visitsOfToken);
    this.#state = this.#machine.tidy(this.#state);
    return this.#machine.mask(this.#state, this.#vocabulary.all.maxDepth, () => this.#find());
  }

  /** @throws InputError if the token may not come next */
  accept(token: number): void {
    this.#machine.allow(visitsOfToken);
    const next = this.#after(this.#state, this.#tokenizer.bytes(token));
    if (!next)
      throw new InputError(`responseFormat: found the token ${token}, which the form does not allow here`);
    this.#state = next;
  }

  /**
   * Tokens that need no model, because the form leaves no choice for their bytes. The last one may be cut short: how its
   * bytes are divided into tokens depends on what follows.
   */
  forced(): number[] {
    if (!this.#forces) return [];
    const bytes = this.#forcedBytes();
    const text = decoded(bytes.bytes);
    if (text === '') return [];
    const ids = this.#tokenizer.encode(text, { addSpecialTokens: false, continues: true });
    if (!bytes.ends) ids.pop();
    return this.#spells(ids, bytes.bytes) ? ids : [];
  }

  #forcedBytes(): { readonly bytes: Uint8Array; readonly ends: boolean } {
    const bytes: number[] = [];
    let state = this.#state;
    this.#machine.allow(visitsOfToken);
    for (; !state.accepts && bytes.length < maxForced; ) {
      const [only, another] = this.#waysOn(state);
      if (!only || another || only.bytes.length > 1) break;
      bytes.push(only.bytes[0]!);
      state = only.next;
    }
    return { bytes: Uint8Array.from(bytes), ends: state.items.length === 0 };
  }

  /** At most two classes of bytes with which the answer can continue. */
  #waysOn(state: State): { readonly bytes: readonly number[]; readonly next: State }[] {
    const ways: { bytes: readonly number[]; next: State }[] = [];
    for (const [byteClass, bytes] of this.#machine.automaton.classes.entries()) {
      const next = this.#machine.step(state, byteClass);
      if (next) ways.push({ bytes, next });
      if (ways.length === 2) break;
    }
    return ways;
  }

  #spells(ids: readonly number[], bytes: Uint8Array): boolean {
    let at = 0;
    for (const id of ids) {
      if (this.#tokenizer.isSpecial(id)) return false;
      for (const byte of this.#tokenizer.bytes(id)) if (byte !== bytes[at++]) return false;
    }
    return true;
  }

  #after(state: State, bytes: Uint8Array): State | null {
    const { classOf } = this.#machine.automaton;
    let next: State | null = state;
    for (const byte of bytes) {
      next = this.#machine.step(next, classOf[byte]!);
      if (!next) return null;
    }
    return bytes.length > 0 ? next : null;
  }

  #find(): Uint32Array {
    const { all, others, plain } = this.#vocabulary;
    const room = this.#plain.room(this.#state, maxPlain);
    if (room === undefined || room === 0) return this.#walk(all, new Uint32Array(plain[0]!.length));
    return this.#walk(others, plain[room]!.slice());
  }

  /** Adds the tokens of a tree that may come next. */
  #walk({ bytes, depths, ends, tokens, twins, maxDepth }: TokenTrie, found: Uint32Array): Uint32Array {
    const machine = this.#machine;
    const { classOf } = machine.automaton;
    const states: State[] = new Array(maxDepth + 1);
    states[0] = this.#state;
    for (let node = 0; node < bytes.length; ) {
      const depth = depths[node]!;
      const from = states[depth - 1]!;
      const byteClass = classOf[bytes[node]!]!;
      const known = from.next[byteClass];
      const next = known === undefined ? machine.step(from, byteClass) : known;
      if (next === null) {
        node = ends[node]!;
        continue;
      }
      states[depth] = next;
      for (let token = tokens[node]!; token >= 0; token = twins[token]!)
        found[token >> 5]! |= 1 << (token & 31);
      node++;
    }
    return found;
  }
}

/** The characters that are whole. */
function decoded(bytes: Uint8Array): string {
  for (let length = bytes.length; length > Math.max(0, bytes.length - 4); length--) {
    try {
      return strict.decode(bytes.subarray(0, length));
    } catch {
      // the last character is cut off
    }
  }
  return '';
}
