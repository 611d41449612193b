/** A tree of token sequences that finds the longest known prefix of a text in one walk. */

/** A node: the sequence that leads to it, and perhaps a value. */
export interface TreeNode<V> {
  /** Tokens since the parent. */
  edge: readonly number[];
  parent: TreeNode<V> | undefined;
  readonly children: Map<number, TreeNode<V>>;
  value: V | undefined;
}

export interface Found<V> {
  /** The longest prefix with a value: its value and tokens. */
  readonly value: V | undefined;
  readonly length: number;
  /** Number of tokens that some sequence in the tree shares. */
  readonly shared: number;
}

export class PrefixTree<V> {
  readonly #root: TreeNode<V> = { edge: [], parent: undefined, children: new Map(), value: undefined };

  find(tokens: readonly number[]): Found<V> {
    let node = this.#root;
    let at = 0;
    let [value, length] = [node.value, 0];
    for (;;) {
      const next = at < tokens.length ? node.children.get(tokens[at]!) : undefined;
      if (!next) return { value, length, shared: at };
      const same = sharedLength(next.edge, tokens, at);
      at += same;
      if (same < next.edge.length) return { value, length, shared: at };
      node = next;
      if (node.value !== undefined) [value, length] = [node.value, at];
    }
  }

  /** The node of a sequence, created if necessary. A node without a value must get one, or be removed. */
  at(tokens: readonly number[]): TreeNode<V> {
    let node = this.#root;
    for (let at = 0; at < tokens.length; ) {
      const next = node.children.get(tokens[at]!);
      if (!next) return addChild(node, tokens.slice(at));
      const same = sharedLength(next.edge, tokens, at);
      node = same < next.edge.length ? split(next, same) : next;
      at += same;
    }
    return node;
  }

  /** Removes a node's value, and the nodes that no longer lead to one. */
  remove(node: TreeNode<V>): void {
    node.value = undefined;
    let last: TreeNode<V> | undefined = node;
    while (last?.parent && last.value === undefined && last.children.size === 0) {
      last.parent.children.delete(last.edge[0]!);
      last = last.parent;
    }
    if (last?.parent && last.value === undefined && last.children.size === 1) join(last);
  }
}

function addChild<V>(parent: TreeNode<V>, edge: readonly number[]): TreeNode<V> {
  const child: TreeNode<V> = { edge, parent, children: new Map(), value: undefined };
  parent.children.set(edge[0]!, child);
  return child;
}

/** A new node `length` tokens into the edge that leads to `lower`; references to `lower` stay valid. */
function split<V>(lower: TreeNode<V>, length: number): TreeNode<V> {
  const upper = addChild(lower.parent!, lower.edge.slice(0, length));
  lower.edge = lower.edge.slice(length);
  lower.parent = upper;
  upper.children.set(lower.edge[0]!, lower);
  return upper;
}

/** Removes a node with one child and no value. */
function join<V>(node: TreeNode<V>): void {
  const [child] = node.children.values();
  child!.edge = [...node.edge, ...child!.edge];
  child!.parent = node.parent;
  node.parent!.children.set(child!.edge[0]!, child!);
}

function sharedLength(edge: readonly number[], tokens: readonly number[], start: number): number {
  const end = Math.min(edge.length, tokens.length - start);
  let length = 0;
  while (length < end && edge[length] === tokens[start + length]) length++;
  return length;
}
