// The projection of a single row, which is what decoding does: every thread rounds the row for itself, in its own
// memory, once for all products of a phase with it. That takes less time than to meet the others after one of them has
// done it.

import { Optional } from "../../kernels/cpu/optional.as";
import { currentPhase, roundedStart } from "../../kernels/cpu/workspace.as";
import { multiplyGrouped } from "./product.as";
import { blocksOf, RoundRows, roundRows } from "./rounding.as";
import { GroupedMatrix, GroupedProduct } from "./tile.as";

@unmanaged
class GroupedRow extends GroupedMatrix {
  x: usize; // [width]
  offsets: Optional; // [out, width / group], of int8 codes and those of four bits
}

/** Where a thread keeps the arguments of a product, those of the rounding, and the row. */
const roundingAt: usize = 64;
const rowAt: usize = 128;

/** The phase of the row. */
let rowPhase: i32 = -1;

export function groupedRow(args: usize, thread: i32, threads: i32): void {
  const p = changetype<GroupedRow>(args);
  const own = roundedStart();
  memory.copy(own, args, offsetof<GroupedMatrix>());
  const product = changetype<GroupedProduct>(own);
  const row = changetype<RoundRows>(own + roundingAt);
  product.rows = 1;
  product.offsets = p.offsets;
  if (rowPhase != currentPhase() || row.x != p.x || row.width != p.width || row.group != p.group) {
    rowPhase = currentPhase();
    placeRow(p, row, own + rowAt);
    roundRows(changetype<usize>(row), 0, 1);
  }
  product.unit = row.unit;
  product.units = row.units;
  product.sums = row.sums;
  product.q = row.q;
  multiplyGrouped(product, thread, threads);
}

function placeRow(p: GroupedRow, row: RoundRows, at: usize): void {
  row.x = p.x;
  row.unit = at;
  row.units = at + 4;
  row.sums = row.units + ((<usize>blocksOf(p.width)) << 2);
  row.q = row.sums + ((<usize>(p.width / p.group)) << 2);
  row.rows = 1;
  row.width = p.width;
  row.group = p.group;
  row.inPairs = 0;
}
