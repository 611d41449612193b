/**
 * A backtracking matcher with a bound on its work: a pattern that would take exponential or quadratic time, such
 * as `(a+)+$`, ends in an error. JavaScript's own engine cannot be interrupted.
 */
import { InputError } from '../../errors.ts';
import { isPatternWord } from './patternClasses.ts';
import { type PatternNode, parsePattern } from './patternSyntax.ts';

/** The end of the match from `at` on, or -1. */
type Next = (at: number) => number;
type Step = (at: number, next: Next) => number;

/** Steps that any text may take, and those per character; patterns in use take about 20 a character. */
const FREE_STEPS = 200;
const STEPS_PER_CHARACTER = 64;
const SAVED_STEPS = 1_000_000;
/** Repetitions of a group that are open at a time. */
const MAX_OPEN = 400;

export class PatternMatcher {
  readonly #where: string;
  readonly #start: Step;
  #text = '';
  #steps = SAVED_STEPS;
  #open = 0;

  constructor(source: string, where: string) {
    this.#where = where;
    this.#start = this.#compile(parsePattern(source, where));
  }

  /** The matches of `text` from left to right, as offsets. */
  *matches(text: string): Generator<readonly [start: number, end: number]> {
    this.#steps = Math.min(this.#steps, SAVED_STEPS) + FREE_STEPS + STEPS_PER_CHARACTER * text.length;
    for (let at = 0; at <= text.length; ) {
      this.#text = text;
      this.#open = 0;
      const end = this.#start(at, (found) => found);
      if (end >= 0) yield [at, end];
      at = end > at ? end : at + widthAt(text, at);
    }
  }

  #step(): void {
    if (--this.#steps >= 0) return;
    this.#steps = 0;
    throw this.#tooMuch();
  }

  #tooMuch(): InputError {
    return new InputError(
      `${this.#where}: its regular expression needs too much work on this text; ` +
        'expected a pattern that reads texts in linear time',
    );
  }

  #compile(node: PatternNode): Step {
    switch (node.kind) {
      case 'set':
        return (at, next) => {
          this.#step();
          const code = this.#text.codePointAt(at);
          return code !== undefined && node.test(code) ? next(at + (code > 0xffff ? 2 : 1)) : -1;
        };
      case 'sequence':
        return node.parts
          .map((part) => this.#compile(part))
          .reduceRight<Step>(
            (rest, part) => (at, next) => part(at, (found) => rest(found, next)),
            (at, next) => next(at),
          );
      case 'choice':
        return this.#choice(node.options.map((option) => this.#compile(option)));
      case 'atomic':
        return this.#atomic(this.#compile(node.body));
      case 'look':
        return this.#look(node);
      case 'anchor':
        return (at, next) => (this.#holds(node.at, at) ? next(at) : -1);
      case 'repeat': {
        const repeat = node.body.kind === 'set' ? this.#run(node) : this.#repeat(node);
        return node.mode === 'possessive' ? this.#atomic(repeat) : repeat;
      }
    }
  }

  #choice(options: readonly Step[]): Step {
    return (at, next) => {
      for (const option of options) {
        this.#step();
        const end = option(at, next);
        if (end >= 0) return end;
      }
      return -1;
    };
  }

  #atomic(body: Step): Step {
    return (at, next) => {
      const end = body(at, (found) => found);
      return end < 0 ? -1 : next(end);
    };
  }

  #look({ body, behind, negative }: PatternNode & { kind: 'look' }): Step {
    const inner = this.#compile(body);
    const ahead = (at: number) => inner(at, (found) => found) >= 0;
    const behindOf = (at: number) => {
      for (let from = at; from >= 0; from--) {
        this.#step();
        if (inner(from, (found) => (found === at ? found : -1)) >= 0) return true;
      }
      return false;
    };
    const found = behind ? behindOf : ahead;
    return (at, next) => (found(at) === negative ? -1 : next(at));
  }

  /** A repeated set of characters, without recursion. */
  #run({ body, min, max, mode }: PatternNode & { kind: 'repeat' }): Step {
    const { test } = body as PatternNode & { kind: 'set' };
    const take = (at: number) => {
      this.#step();
      const code = this.#text.codePointAt(at);
      return code !== undefined && test(code) ? at + (code > 0xffff ? 2 : 1) : -1;
    };
    if (mode === 'lazy') return (at, next) => this.#lazyRun(at, next, take, min, max);
    return (at, next) => {
      const ends = [at];
      while (ends.length <= max) {
        const end = take(ends.at(-1)!);
        if (end < 0) break;
        ends.push(end);
      }
      for (let count = ends.length - 1; count >= min; count--) {
        this.#step();
        const end = next(ends[count]!);
        if (end >= 0) return end;
      }
      return -1;
    };
  }

  #lazyRun(from: number, next: Next, take: Next, min: number, max: number): number {
    let at = from;
    for (let count = 0; ; count++) {
      if (count >= min) {
        const end = next(at);
        if (end >= 0) return end;
      }
      if (count >= max) return -1;
      at = take(at);
      if (at < 0) return -1;
    }
  }

  #repeat({ body, min, max, mode }: PatternNode & { kind: 'repeat' }): Step {
    const inner = this.#compile(body);
    const loop = (at: number, count: number, next: Next): number => {
      this.#step();
      const more = () => {
        if (count >= max) return -1;
        if (++this.#open > MAX_OPEN) throw this.#tooMuch();
        // An iteration that reads nothing would repeat forever.
        const end = inner(at, (found) => (found === at && count >= min ? -1 : loop(found, count + 1, next)));
        this.#open--;
        return end;
      };
      const enough = () => (count >= min ? next(at) : -1);
      const [first, second] = mode === 'lazy' ? [enough, more] : [more, enough];
      const end = first();
      return end >= 0 ? end : second();
    };
    return (at, next) => loop(at, 0, next);
  }

  #holds(anchor: (PatternNode & { kind: 'anchor' })['at'], at: number): boolean {
    const text = this.#text;
    const end = at === text.length;
    if (anchor === 'start') return at === 0;
    if (anchor === 'end') return end;
    if (anchor === 'lastLine') return end || (at === text.length - 1 && text[at] === '\n');
    if (anchor === 'lineStart') return at === 0 || (text[at - 1] === '\n' && !end);
    if (anchor === 'lineEnd') return end || text[at] === '\n';
    const before = at > 0 && isPatternWord(codePointBefore(text, at));
    const after = !end && isPatternWord(text.codePointAt(at)!);
    return (before !== after) === (anchor === 'boundary');
  }
}

function widthAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}

function codePointBefore(text: string, at: number): number {
  const low = text.charCodeAt(at - 1);
  return low >= 0xdc00 && low < 0xe000 && at > 1 ? text.codePointAt(at - 2)! : low;
}
