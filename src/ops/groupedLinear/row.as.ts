// The projection of a single row, which is what decoding does: every thread rounds the row for itself, in its own
// memory. That takes less time than to meet the others after one of them has done it.

import { Optional } from "../../kernels/cpu/optional.as";
import { workspaceStart } from "../../kernels/cpu/workspace.as";
import { multiplyGrouped, tileBytes } from "./product.as";
import { blocksOf, roundRow } from "./rounding.as";
import { GroupedMatrix, GroupedProduct } from "./tile.as";

@unmanaged
class GroupedRow extends GroupedMatrix {
  x: usize; // [width]
  offsets: Optional; // [out, width / group], of int8 codes and those of four bits
}

export function groupedRow(args: usize, thread: i32, threads: i32): void {
  const p = changetype<GroupedRow>(args);
  const own = workspaceStart() + tileBytes;
  memory.copy(own, args, offsetof<GroupedMatrix>());
  const product = changetype<GroupedProduct>(own);
  product.rows = 1;
  product.offsets = p.offsets;
  product.unit = own + offsetof<GroupedProduct>();
  product.units = own + 128;
  product.sums = product.units + ((<usize>blocksOf(p.width)) << 2);
  product.q = product.sums + ((<usize>(p.width / p.group)) << 2);
  roundRow(p.x, p.width, p.group, product.q, 4, <usize>p.group, product.units, product.sums, product.unit);
  multiplyGrouped(product, thread, threads);
}
