// The module with which the host draws. It has a memory of its own, which grows with the vocabulary.

import { roomBytes, useRoom } from "./draw.as";

export { draw, likeliest } from "./draw.as";

/** Makes room for a vocabulary; returns where its logits belong, or 0: there is no memory. */
export function reserve(vocabulary: i32): usize {
  const room = (__heap_base + 15) & ~15;
  const pages = <i32>((room + roomBytes(vocabulary) + 0xffff) >> 16);
  if (pages > memory.size() && memory.grow(pages - memory.size()) < 0) return 0;
  useRoom(room, vocabulary);
  return room;
}
