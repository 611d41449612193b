/** How a text is cut at the matches of a search. */
import type { Search } from './patterns.ts';

export const SPLIT_BEHAVIORS = [
  'Removed',
  'Isolated',
  'MergedWithPrevious',
  'MergedWithNext',
  'Contiguous',
] as const;
export type SplitBehavior = (typeof SPLIT_BEHAVIORS)[number];

interface Piece {
  start: number;
  end: number;
  matched: boolean;
}

/** The pieces of `text`, in order, none empty. */
export function* split(
  text: string,
  search: Search,
  behavior: SplitBehavior,
  invert = false,
): Generator<string> {
  for (const { start, end } of grouped(pieces(text, search, invert), behavior))
    if (end > start) yield text.slice(start, end);
}

function* pieces(text: string, search: Search, invert: boolean): Generator<Piece> {
  let at = 0;
  for (const [start, end] of search(text)) {
    if (start > at) yield { start: at, end: start, matched: invert };
    yield { start, end, matched: !invert };
    at = end;
  }
  if (at < text.length) yield { start: at, end: text.length, matched: invert };
}

function* grouped(all: Iterable<Piece>, behavior: SplitBehavior): Generator<Piece> {
  if (behavior === 'Isolated') return yield* all;
  let open: Piece | undefined;
  let previous = false;
  for (const piece of all) {
    if (behavior === 'Removed') {
      if (!piece.matched) yield piece;
      continue;
    }
    if (open && joins(behavior, piece.matched, previous)) open = { ...open, end: piece.end };
    else {
      if (open) yield open;
      open = piece;
    }
    previous = piece.matched;
  }
  if (open) yield open;
}

/** Whether a piece joins the one before it; a run of matches never joins, but for Contiguous. */
function joins(behavior: SplitBehavior, matched: boolean, previous: boolean): boolean {
  if (behavior === 'Contiguous') return matched === previous;
  if (behavior === 'MergedWithPrevious') return matched && !previous;
  return !matched && previous;
}
