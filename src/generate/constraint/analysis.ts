/** What is known of an automaton before it reads anything: which rules can end, how deep, and which begin with themselves. */
import { InputError } from '../../errors.ts';
import type { Graph } from './automaton.ts';

/** For each node those whose ways on lead there: by an edge, as the beginning of a called rule or of a loop. */
export function dependents({
  bytes,
  free,
  calls,
  loopsAt,
  loops,
  entries,
}: Graph): readonly (readonly number[])[] {
  const found: number[][] = bytes.map(() => []);
  for (let node = 0; node < bytes.length; node++) {
    for (const { target } of bytes[node]!) found[target]!.push(node);
    for (const target of free[node]!) found[target]!.push(node);
    for (const { rule, target } of calls[node]!) {
      found[target]!.push(node);
      found[entries[rule]!]!.push(node);
    }
    for (const { body, target } of loopsAt[node]!.map((loop) => loops[loop]!)) {
      found[target]!.push(node);
      found[body]!.push(node);
    }
  }
  return found;
}

/** Levels that a call takes: at the end of a rule it needs no way back, so recursion to the right takes no room. */
export function levelsOf(target: number): number {
  return target === 0 ? 0 : 1;
}

/** Levels of calls and loops that are needed at least to end the rule from each node; Infinity: it cannot end. */
export function needs(graph: Graph, before: readonly (readonly number[])[]): Float64Array {
  const need = new Float64Array(graph.bytes.length).fill(Number.POSITIVE_INFINITY);
  need[0] = 0;
  const of = (node: number) => {
    let least = need[node]!;
    for (const { target } of graph.bytes[node]!) least = Math.min(least, need[target]!);
    for (const target of graph.free[node]!) least = Math.min(least, need[target]!);
    for (const { rule, target } of graph.calls[node]!)
      least = Math.min(least, Math.max(levelsOf(target) + need[graph.entries[rule]!]!, need[target]!));
    for (const { body, target } of graph.loopsAt[node]!.map((loop) => graph.loops[loop]!))
      least = Math.min(least, Math.max(1 + need[body]!, need[target]!));
    return least;
  };
  spread(before, (node) => {
    const least = of(node);
    if (least >= need[node]!) return false;
    need[node] = least;
    return true;
  });
  return need;
}

/**
 * A rule that calls itself before it has read a byte would never end.
 * @throws InputError naming the rule
 */
export function checkLeftRecursion(
  graph: Graph,
  before: readonly (readonly number[])[],
  names: readonly string[],
): void {
  const nullable = nullables(graph, before);
  const firstCalls = graph.entries.map((entry) => callsBeforeBytes(graph, entry, nullable));
  const isDone = new Uint8Array(names.length);
  for (const root of names.keys()) {
    if (isDone[root]) continue;
    const path = [{ rule: root, rest: [...firstCalls[root]!] }];
    const onPath = new Set([root]);
    for (let last = path.at(-1); last; last = path.at(-1)) {
      const next = last.rest.pop();
      if (next === undefined) {
        isDone[last.rule] = 1;
        onPath.delete(last.rule);
        path.pop();
      } else if (onPath.has(next)) {
        throw new InputError(
          `the rule "${names[next]!.slice(0, 60)}" begins with itself; write it with a repetition instead`,
        );
      } else if (!isDone[next]) {
        path.push({ rule: next, rest: [...firstCalls[next]!] });
        onPath.add(next);
      }
    }
  }
}

/** Nodes from which the rule can end without a byte. */
function nullables(graph: Graph, before: readonly (readonly number[])[]): Uint8Array {
  const nullable = new Uint8Array(graph.bytes.length);
  nullable[0] = 1;
  spread(before, (node) => {
    if (nullable[node]) return false;
    nullable[node] = Number(
      graph.free[node]!.some((target) => nullable[target]) ||
        graph.calls[node]!.some(({ rule, target }) => nullable[graph.entries[rule]!] && nullable[target]) ||
        graph.loopsAt[node]!.some(
          (loop) => nullable[graph.loops[loop]!.body] && nullable[graph.loops[loop]!.target],
        ),
    );
    return nullable[node] === 1;
  });
  return nullable;
}

/** Calls `update` for nodes whose ways on have changed, from the end on, until nothing changes. */
function spread(before: readonly (readonly number[])[], update: (node: number) => boolean): void {
  let changed = new Set([0]);
  while (changed.size > 0) {
    const next = new Set<number>();
    for (const target of changed) for (const node of before[target]!) if (update(node)) next.add(node);
    changed = next;
  }
}

function callsBeforeBytes(graph: Graph, entry: number, nullable: Uint8Array): Set<number> {
  const found = new Set<number>();
  const seen = new Set<number>([entry]);
  const open = [entry];
  const reach = (node: number) => {
    if (!seen.has(node)) open.push(node);
    seen.add(node);
  };
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    graph.free[node]!.forEach(reach);
    for (const { rule, target } of graph.calls[node]!) {
      found.add(rule);
      if (nullable[graph.entries[rule]!]) reach(target);
    }
    for (const loop of graph.loopsAt[node]!.map((index) => graph.loops[index]!)) {
      reach(loop.body);
      if (nullable[loop.body]) reach(loop.target);
    }
  }
  return found;
}
