/**
 * A grammar as an automaton over bytes. Nodes of all rules are numbered together; a node is left by a byte, freely, by a
 * call of a rule or by a counted loop. Reaching node 0 ends the rule or the round of a loop that is at work.
 */
import { InputError } from '../../errors.ts';
import { checkLeftRecursion, dependents, needs } from './analysis.ts';
import type { Expression, Grammar } from './grammar.ts';

export interface ByteEdge {
  readonly from: number;
  readonly to: number;
  readonly target: number;
}

/** A call of a rule: its nodes begin at `entry`; then the automaton continues at `target`. */
export interface Call {
  readonly rule: number;
  readonly target: number;
}

/** The body from `min` to `max` times, then `target`. */
export interface Loop {
  readonly body: number;
  readonly min: number;
  readonly max: number;
  readonly target: number;
}

export interface Graph {
  readonly start: number;
  readonly bytes: readonly (readonly ByteEdge[])[];
  readonly free: readonly (readonly number[])[];
  readonly calls: readonly (readonly Call[])[];
  /** Indices into `loops`. */
  readonly loopsAt: readonly (readonly number[])[];
  readonly loops: readonly Loop[];
  /** First node of each rule. */
  readonly entries: readonly number[];
}

export interface Automaton extends Graph {
  /** Levels of calls and loops that are needed at least to end the rule from a node; Infinity: it cannot end. */
  readonly need: Float64Array;
  /** For each byte its class: bytes of one class are in the same ranges everywhere. */
  readonly classOf: Uint8Array;
  /** Of each class its bytes. */
  readonly classes: readonly (readonly number[])[];
}

/** The node that ends a rule or a round of a loop. */
const end = 0;
/** Nodes of a grammar. A repetition counts, so it takes as many as its body. */
const maxNodes = 50_000;
/** Calls and loops within one another, in a grammar's text and while it is read. */
export const maxDepth = 512;

/** @throws InputError if the grammar is too large, is left-recursive, or no text matches it */
export function automatonOf(grammar: Grammar): Automaton {
  const builder = new Builder(grammar);
  const start = builder.build();
  const { bytes, free, calls, loopsAt, loops, entries } = builder;
  const graph = { start, bytes, free, calls, loopsAt, loops, entries };
  const before = dependents(graph);
  checkLeftRecursion(graph, before, builder.names);
  const need = needs(graph, before);
  if (need[start] === Number.POSITIVE_INFINITY) throw new InputError('no text can meet it');
  if (need[start]! > maxDepth)
    throw new InputError(`it is nested ${need[start]} deep, expected at most ${maxDepth}`);
  return { ...graph, need, ...byteClasses(bytes) };
}

class Builder {
  readonly bytes: ByteEdge[][] = [];
  readonly free: number[][] = [];
  readonly calls: Call[][] = [];
  readonly loopsAt: number[][] = [];
  readonly loops: Loop[] = [];
  readonly entries: number[] = [];
  readonly names: string[] = [];
  readonly #grammar: Grammar;
  readonly #ruleOf = new Map<string, number>();

  constructor(grammar: Grammar) {
    this.#grammar = grammar;
  }

  build(): number {
    this.#node(); // the end
    this.#rule(this.#grammar.root);
    for (let rule = 0; rule < this.names.length; rule++) {
      const body = this.#grammar.rules.get(this.names[rule]!)!;
      this.entries[rule] = this.#enter(body, end, 0);
    }
    return this.entries[0]!;
  }

  #rule(name: string): number {
    const known = this.#ruleOf.get(name);
    if (known !== undefined) return known;
    if (!this.#grammar.rules.has(name))
      throw new InputError(`found no rule "${name.slice(0, 60)}", expected one`);
    this.#ruleOf.set(name, this.names.length);
    return this.names.push(name) - 1;
  }

  #node(): number {
    if (this.bytes.length >= maxNodes)
      throw new InputError(`it takes more than ${maxNodes} nodes; expected a smaller one`);
    this.bytes.push([]);
    this.free.push([]);
    this.calls.push([]);
    this.loopsAt.push([]);
    return this.bytes.length - 1;
  }

  /** A node from which `expression` leads to `target`. */
  #enter(expression: Expression, target: number, depth: number): number {
    if (depth > maxDepth) throw new InputError(`it is nested more than ${maxDepth} deep`);
    if (expression.kind === 'sequence')
      return expression.parts.reduceRight((next, part) => this.#enter(part, next, depth + 1), target);
    const node = this.#node();
    if (expression.kind === 'byte')
      this.bytes[node]!.push({ from: expression.from, to: expression.to, target });
    else if (expression.kind === 'rule')
      this.calls[node]!.push({ rule: this.#rule(expression.name), target });
    else if (expression.kind === 'choice')
      for (const option of expression.options) this.#option(node, option, target, depth);
    else this.#repeat(node, expression, target, depth);
    return node;
  }

  /** A single byte, as classes of characters have many, takes no node of its own. */
  #option(node: number, option: Expression, target: number, depth: number): void {
    if (option.kind === 'byte') this.bytes[node]!.push({ from: option.from, to: option.to, target });
    else this.free[node]!.push(this.#enter(option, target, depth + 1));
  }

  #repeat(
    node: number,
    { body, min, max }: Expression & { kind: 'repeat' },
    target: number,
    depth: number,
  ): void {
    if (min > max || max === 0) {
      if (min <= max) this.free[node]!.push(target);
      return;
    }
    if (min === 0) this.free[node]!.push(target);
    if (max === 1) {
      this.free[node]!.push(this.#enter(body, target, depth + 1));
    } else if (max === Number.POSITIVE_INFINITY && min <= 1) {
      const after = this.#node();
      const again = this.#enter(body, after, depth + 1);
      this.free[after]!.push(again, target);
      this.free[node]!.push(again);
    } else {
      const loop = { body: this.#enter(body, end, depth + 1), min: Math.max(min, 1), max, target };
      this.loopsAt[node]!.push(this.loops.push(loop) - 1);
    }
  }
}

function byteClasses(bytes: readonly (readonly ByteEdge[])[]): Pick<Automaton, 'classOf' | 'classes'> {
  const begins = new Uint8Array(257);
  for (const edges of bytes) {
    for (const { from, to } of edges) {
      begins[from] = 1;
      begins[to + 1] = 1;
    }
  }
  const classOf = new Uint8Array(256);
  const classes: number[][] = [[]];
  for (let byte = 0; byte < 256; byte++) {
    if (byte > 0 && begins[byte]) classes.push([]);
    classOf[byte] = classes.length - 1;
    classes.at(-1)!.push(byte);
  }
  return { classOf, classes };
}
