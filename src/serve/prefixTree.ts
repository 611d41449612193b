/** A tree of token sequences in which the longest known beginning of a text is found in one walk. */

/** A place in the tree: the sequence that leads there, and perhaps a value. */
export interface Place<V> {
  /** Tokens since the parent's place. */
  edge: readonly number[];
  parent: Place<V> | undefined;
  readonly children: Map<number, Place<V>>;
  value: V | undefined;
}

export interface Found<V> {
  /** The longest beginning that has a value: its value and tokens. */
  readonly value: V | undefined;
  readonly length: number;
  /** Tokens up to which any sequence in the tree is the same. */
  readonly shared: number;
}

export class PrefixTree<V> {
  readonly #root: Place<V> = { edge: [], parent: undefined, children: new Map(), value: undefined };

  find(tokens: readonly number[]): Found<V> {
    let place = this.#root;
    let at = 0;
    let [value, length] = [place.value, 0];
    for (;;) {
      const next = at < tokens.length ? place.children.get(tokens[at]!) : undefined;
      if (!next) return { value, length, shared: at };
      const same = sharedLength(next.edge, tokens, at);
      at += same;
      if (same < next.edge.length) return { value, length, shared: at };
      place = next;
      if (place.value !== undefined) [value, length] = [place.value, at];
    }
  }

  /** The place of a sequence, made if need be. A place without a value must get one, or be removed. */
  at(tokens: readonly number[]): Place<V> {
    let place = this.#root;
    for (let at = 0; at < tokens.length; ) {
      const next = place.children.get(tokens[at]!);
      if (!next) return addChild(place, tokens.slice(at));
      const same = sharedLength(next.edge, tokens, at);
      place = same < next.edge.length ? split(next, same) : next;
      at += same;
    }
    return place;
  }

  /** Takes a place's value away, and what leads nowhere any more. */
  remove(place: Place<V>): void {
    place.value = undefined;
    let last: Place<V> | undefined = place;
    while (last?.parent && last.value === undefined && last.children.size === 0) {
      last.parent.children.delete(last.edge[0]!);
      last = last.parent;
    }
    if (last?.parent && last.value === undefined && last.children.size === 1) join(last);
  }
}

function addChild<V>(parent: Place<V>, edge: readonly number[]): Place<V> {
  const child: Place<V> = { edge, parent, children: new Map(), value: undefined };
  parent.children.set(edge[0]!, child);
  return child;
}

/** A new place `length` tokens into the edge that leads to `lower`; who holds `lower` keeps it. */
function split<V>(lower: Place<V>, length: number): Place<V> {
  const upper = addChild(lower.parent!, lower.edge.slice(0, length));
  lower.edge = lower.edge.slice(length);
  lower.parent = upper;
  upper.children.set(lower.edge[0]!, lower);
  return upper;
}

/** Leaves out a place with one child and no value. */
function join<V>(place: Place<V>): void {
  const [child] = place.children.values();
  child!.edge = [...place.edge, ...child!.edge];
  child!.parent = place.parent;
  place.parent!.children.set(child!.edge[0]!, child!);
}

function sharedLength(edge: readonly number[], tokens: readonly number[], start: number): number {
  const end = Math.min(edge.length, tokens.length - start);
  let length = 0;
  while (length < end && edge[length] === tokens[start + length]) length++;
  return length;
}
