/**
 * Runs an automaton over bytes. A state is what the automaton may be doing after the bytes so far: nodes, each with the
 * calls and loops that are at work. States are found as they are needed and kept, so that reading a byte in a known
 * state is a look-up; when they grow too many, they are forgotten and found again.
 */
import { InputError } from '../../errors.ts';
import { levelsOf } from './analysis.ts';
import { type Automaton, maxDepth } from './automaton.ts';

export interface State {
  /** Nodes that wait for a byte, each followed by its stack. */
  readonly items: Int32Array;
  /** Whether the bytes so far are a whole text of the grammar. */
  readonly accepts: boolean;
  /** By class of byte: the next state, null if no text continues so; undefined: not yet found. */
  readonly next: (State | null | undefined)[];
  /** What its stacks are made of. */
  readonly frames: readonly Frame[];
  /** Tokens that may come next: see `Matcher`. */
  allowed?: Uint32Array;
}

/** What a stack returns to: a node after a call, or a loop in its round `count`. */
interface Frame {
  readonly target: number;
  /** −1 for a call. */
  readonly count: number;
  readonly parent: number;
  readonly depth: number;
}

const bottom: Frame = { target: -1, count: -1, parent: -1, depth: 0 };

/** Items of a state, and what all states together may hold. */
const maxItems = 1024;
const maxKept = 200_000;
/** Masks that are kept, of all states. */
const maxMasks = 256;

export class Machine {
  readonly automaton: Automaton;
  #kept = 0;
  #masks = new Map<string, Uint32Array>();
  #states = new Map<string, State>();
  /** Stack 0 is empty. */
  #frames: Frame[] = [bottom];
  #frameIds = new Map<string, number>();
  /** Of each stack, what masks depend on. */
  #stackKeys: string[] = [];
  /** Nodes visited since `allowance` was last set; a hostile grammar could visit millions for a token. */
  #allowance = Number.POSITIVE_INFINITY;

  constructor(automaton: Automaton) {
    this.automaton = automaton;
  }

  start(): State {
    const reached = new Reached();
    this.#reach(this.automaton.start, 0, reached);
    return this.#stateOf(reached) ?? this.#intern(new Int32Array(), false);
  }

  /** @returns null if no text of the grammar continues with a byte of this class */
  step(state: State, byteClass: number): State | null {
    const known = state.next[byteClass];
    if (known !== undefined) return known;
    const reached = new Reached();
    const [byte] = this.automaton.classes[byteClass]!;
    for (let at = 0; at < state.items.length; at += 2) {
      for (const { from, to, target } of this.automaton.bytes[state.items[at]!]!)
        if (byte! >= from && byte! <= to) this.#reach(target, state.items[at + 1]!, reached);
    }
    const next = this.#stateOf(reached);
    state.next[byteClass] = next;
    return next;
  }

  /** Bounds the nodes that may be visited until this is called again. */
  allow(visits: number): void {
    this.#allowance = visits;
  }

  /**
   * The mask of a state, which `find` makes unless that of a like state is known. States are alike if the same bytes may
   * follow, up to `reach` of them: of a loop that is farther from its bounds the count does not matter.
   */
  mask(state: State, reach: number, find: () => Uint32Array): Uint32Array {
    if (state.allowed) return state.allowed;
    const key = this.#maskKey(state, reach);
    state.allowed = this.#masks.get(key) ?? find();
    this.#masks.set(key, state.allowed);
    return state.allowed;
  }

  #maskKey({ items }: State, reach: number): string {
    const keys: string[] = [];
    for (let at = 0; at < items.length; at += 2)
      keys.push(`${items[at]} ${this.#stackKey(items[at + 1]!, reach)}`);
    return keys.sort().join(';');
  }

  #stackKey(stack: number, reach: number): string {
    if (stack === 0) return '';
    const { target, count, parent } = this.#frames[stack]!;
    this.#stackKeys[stack] ??=
      `${target},${this.#nearCount(target, count, reach)} ${this.#stackKey(parent, reach)}`;
    return this.#stackKeys[stack];
  }

  /** A loop's count if one of its bounds is within reach. */
  #nearCount(loop: number, count: number, reach: number): number | string {
    if (count < 0) return count;
    const { min, max } = this.automaton.loops[loop]!;
    if (count < min - reach) return 'low';
    return count >= min && count < max - reach ? 'free' : count;
  }

  /** Forgets what takes too much room. A state from before that is found again, and continues as before. */
  tidy(state: State): State {
    if (this.#masks.size > maxMasks) this.#masks.clear();
    if (this.#kept > maxKept) {
      this.#kept = 0;
      this.#stackKeys = [];
      this.#states = new Map();
      this.#frames = [bottom];
      this.#frameIds = new Map();
    }
    if (state.frames === this.#frames) return state;
    const items = state.items.map((value, index) => (index % 2 === 0 ? value : this.#restore(state, value)));
    return this.#intern(sorted(items), state.accepts);
  }

  /** The stack of an older state. */
  #restore({ frames }: State, stack: number): number {
    const above: Frame[] = [];
    for (let at = stack; at > 0; at = frames[at]!.parent) above.push(frames[at]!);
    return above.reduceRight((below, { target, count }) => this.#push(target, count, below), 0);
  }

  /** Adds the nodes that are reached from a node without a byte. */
  #reach(node: number, stack: number, reached: Reached): void {
    const { free, calls, loopsAt, loops, entries, bytes, need } = this.automaton;
    const open = [node, stack];
    while (open.length > 0) {
      const onTop = open.pop()!;
      const at = open.pop()!;
      const depth = this.#frames[onTop]!.depth;
      if (depth + need[at]! > maxDepth || !reached.see(at, onTop)) continue;
      if (--this.#allowance < 0)
        throw new InputError('responseFormat: the form is too ambiguous; expected a simpler one');
      if (at === 0) {
        this.#return(onTop, reached, open);
        continue;
      }
      if (bytes[at]!.length > 0) reached.items.push(at, onTop);
      for (const target of free[at]!) open.push(target, onTop);
      for (const { rule, target } of calls[at]!) {
        const levels = levelsOf(target);
        if (depth + levels + need[entries[rule]!]! > maxDepth || depth + need[target]! > maxDepth) continue;
        open.push(entries[rule]!, levels === 0 ? onTop : this.#push(target, -1, onTop));
      }
      for (const loop of loopsAt[at]!) {
        const { body, target } = loops[loop]!;
        if (depth + 1 + need[body]! > maxDepth || depth + need[target]! > maxDepth) continue;
        open.push(body, this.#push(loop, 0, onTop));
      }
    }
  }

  #return(stack: number, reached: Reached, open: number[]): void {
    if (stack === 0) {
      reached.accepts = true;
      return;
    }
    const { target, count, parent } = this.#frames[stack]!;
    if (count < 0) {
      open.push(target, parent);
      return;
    }
    const { body, min, max, target: after } = this.automaton.loops[target]!;
    const done = Math.min(count + 1, max === Number.POSITIVE_INFINITY ? min : max);
    if (done >= min) open.push(after, parent);
    if (max === Number.POSITIVE_INFINITY || done < max) open.push(body, this.#push(target, done, parent));
  }

  #push(target: number, count: number, parent: number): number {
    const key = `${target},${count},${parent}`;
    const known = this.#frameIds.get(key);
    if (known !== undefined) return known;
    this.#kept += 1;
    const id = this.#frames.push({ target, count, parent, depth: this.#frames[parent]!.depth + 1 }) - 1;
    this.#frameIds.set(key, id);
    return id;
  }

  #stateOf({ items, accepts }: Reached): State | null {
    if (items.length === 0 && !accepts) return null;
    if (items.length > 2 * maxItems)
      throw new InputError(
        `responseFormat: the form can continue in more than ${maxItems} ways at once; expected a less ambiguous one`,
      );
    return this.#intern(sorted(Int32Array.from(items)), accepts);
  }

  #intern(items: Int32Array, accepts: boolean): State {
    const key = `${items.join()};${accepts}`;
    const known = this.#states.get(key);
    if (known) return known;
    const state: State = {
      items,
      accepts,
      next: new Array(this.automaton.classes.length),
      frames: this.#frames,
    };
    this.#states.set(key, state);
    this.#kept += items.length + state.next.length;
    return state;
  }
}

/** What a step has reached. */
class Reached {
  readonly items: number[] = [];
  accepts = false;
  readonly #seen = new Set<number>();

  /** Whether it is seen for the first time. */
  see(node: number, stack: number): boolean {
    const key = stack * 65_536 + node;
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }
}

/** Pairs in order, so that equal states are one. There are few, and most are in order already. */
function sorted(items: Int32Array): Int32Array {
  for (let end = 2; end < items.length; end += 2) {
    const [node, stack] = [items[end]!, items[end + 1]!];
    let at = end;
    for (; at > 0 && isAfter(items, at - 2, node, stack); at -= 2) items.copyWithin(at, at - 2, at);
    items[at] = node;
    items[at + 1] = stack;
  }
  return items;
}

function isAfter(items: Int32Array, at: number, node: number, stack: number): boolean {
  return items[at]! > node || (items[at] === node && items[at + 1]! > stack);
}
