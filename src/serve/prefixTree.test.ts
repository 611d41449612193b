import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PrefixTree, type TreeNode } from './prefixTree.ts';

/** Few different tokens, so that sequences share beginnings. */
const sequence = fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 8 });

function sharedLength(a: readonly number[], b: readonly number[]): number {
  const differs = a.findIndex((token, index) => token !== b[index]);
  return differs < 0 ? a.length : differs;
}

describe('PrefixTree', () => {
  it('finds what a search through a list finds', () => {
    const step = fc.record({ tokens: sequence, remove: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), sequence, (steps, wanted) => {
        const tree = new PrefixTree<string>();
        const places = new Map<string, { tokens: readonly number[]; node: TreeNode<string> }>();
        for (const { tokens, remove } of steps) {
          const name = tokens.join();
          const known = places.get(name);
          if (remove && known) {
            tree.remove(known.node);
            places.delete(name);
          } else if (!remove) {
            const node = tree.at(tokens);
            if (known) expect(node).toBe(known.node);
            node.value = name;
            places.set(name, { tokens, node });
          }
        }
        const all = [...places.values()].map(({ tokens }) => tokens);
        const prefixes = all.filter((tokens) => sharedLength(tokens, wanted) === tokens.length);
        const length = Math.max(0, ...prefixes.map((tokens) => tokens.length));
        expect(tree.find(wanted)).toEqual({
          value: prefixes.length ? wanted.slice(0, length).join() : undefined,
          length,
          shared: Math.max(0, ...all.map((tokens) => sharedLength(tokens, wanted))),
        });
      }),
      { numRuns: 500 },
    );
  });

  it('keeps nothing of what was removed', () => {
    const tree = new PrefixTree<number>();
    const lists = [[1, 2, 3], [1, 2], [1, 4], []];
    const places = lists.map((tokens, index) => {
      const node = tree.at(tokens);
      node.value = index;
      return node;
    });
    for (const node of places) tree.remove(node);
    expect(tree.find([1, 2, 3])).toEqual({ value: undefined, length: 0, shared: 0 });
    expect(tree.at([])).toMatchObject({ value: undefined, children: new Map() });
  });
});
