/** Texts in a tree of their characters (UTF-16 code units), to find those that a text begins with at a place. */
interface Node {
  readonly children: Map<number, Node>;
  value: number;
}

const NONE = -1;

export class Trie {
  readonly #root: Node = { children: new Map(), value: NONE };

  /** @param value an integer ≥ 0 */
  add(text: string, value: number): void {
    let node = this.#root;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      let child = node.children.get(code);
      if (child === undefined) {
        child = { children: new Map(), value: NONE };
        node.children.set(code, child);
      }
      node = child;
    }
    node.value = value;
  }

  /** The longest of the texts that begins at `at`. */
  longestAt(text: string, at: number): { value: number; end: number } | undefined {
    let longest: { value: number; end: number } | undefined;
    this.eachAt(text, at, (value, end) => {
      longest = { value, end };
    });
    return longest;
  }

  /** Calls `found` for each text that begins at `at`, the shortest first. */
  eachAt(text: string, at: number, found: (value: number, end: number) => void): void {
    let node: Node | undefined = this.#root;
    for (let end = at; node !== undefined && end <= text.length; end++) {
      if (node.value !== NONE) found(node.value, end);
      node = end < text.length ? node.children.get(text.charCodeAt(end)) : undefined;
    }
  }
}
