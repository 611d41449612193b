// Products of rounded activations with grouped codes: exact integers within a group, floats over groups in order.

import { shareStart } from "../../kernels/cpu/math.as";
import { nativeGroupedProduct } from "../../kernels/cpu/native.as";
import { workspaceStart } from "../../kernels/cpu/workspace.as";
import { wideOutput } from "./wide.as";
import { panelTile } from "./panel.as";
import { addBinary, addTernary, placeOf } from "./planes.as";
import { blockSize } from "./rounding.as";
import { fourScales, GroupedProduct, planeBytes, scalesOfGroup, tileLanes, writeTile } from "./tile.as";

/** Where a thread keeps float sums, scales, and a group of codes of the last tile; integer sums come first. */
const floatsAt: usize = 256;
const scalesAt: usize = 512;
const codesAt: usize = 768;


export function groupedProduct(args: usize, thread: i32, threads: i32): void {
  multiplyGrouped(changetype<GroupedProduct>(args), thread, threads);
}

/** Rows of a tile, by the type of codes. */
export function heightOf(type: i32): i32 {
  return type >= 2 ? 1 : type == 0 ? 4 * tileLanes : 8 * tileLanes;
}

/** Threads share tiles of output rows. */
export function multiplyGrouped(p: GroupedProduct, thread: i32, threads: i32): void {
  if (nativeGroupedProduct(changetype<usize>(p), thread, threads)) return;
  const height = heightOf(p.type);
  const tiles = (p.out + height - 1) / height;
  const end = shareStart(tiles, 1, thread + 1, threads);
  for (let tile = shareStart(tiles, 1, thread, threads); tile < end; tile++) {
    if (height == 1) wideOutput(p, tile);
    else if (p.rows == 1) tileOfRow(p, tile * height, height);
    else panelTile(p, tile * height, height);
  }
}

/** A tile of outputs of a single row, from output `first` on. */
function tileOfRow(p: GroupedProduct, first: i32, height: i32): void {
  const rows = min(height, p.out - first);
  const planes = height / tileLanes;
  const lanes = (rows + planes - 1) / planes;
  const groups = p.width / p.group;
  const taken = min(p.group, blockSize);
  const pieces = p.group / taken;
  const floats = workspaceStart() + floatsAt;
  const scales = workspaceStart() + scalesAt;
  let codes = p.codes + <usize>(first / planes) * <usize>p.width;
  memory.fill(floats, 0, planeBytes(planes));
  for (let g = 0; g < groups; g++) {
    if (rows == height) scalesInPlace(p, first * groups + g * rows, planes, scales);
    else brokenScales(p, first * groups + g * rows, rows, lanes, planes, scales);
    const wide = lanes == tileLanes ? codes : widen(codes, lanes, p.group >> 2, workspaceStart() + codesAt);
    const q = p.q + <usize>(g * p.group);
    const units = p.units + ((<usize>(g * p.group / blockSize)) << 2);
    const sum = load<i32>(p.sums + ((<usize>g) << 2));
    if (p.type == 0) addTernary(wide, q, units, pieces, taken >> 2, sum, scales, floats);
    else addBinary(wide, q, units, pieces, taken >> 2, sum, scales, floats);
    codes += <usize>(p.group * lanes);
  }
  writeTile(p, 0, first, rows, lanes, floats);
}

/** Copies `steps` groups of four columns of a last tile, with fewer lanes, to where they have all eight. */
function widen(codes: usize, lanes: i32, steps: i32, to: usize): usize {
  memory.fill(to, 0, (<usize>steps) << 5);
  const bytes = (<usize>lanes) << 2;
  for (let k = 0; k < steps; k++) memory.copy(to + ((<usize>k) << 5), codes + <usize>k * bytes, bytes);
  return to;
}

/** Scales of a whole tile, divided by the places of their planes. */
// @ts-ignore: decorator
@inline
function scalesInPlace(p: GroupedProduct, index: i32, planes: i32, to: usize): void {
  for (let plane = 0; plane < planes; plane++) {
    const worth = <f32>1 / <f32>(1 << placeOf(plane, planes));
    const at = to + ((<usize>plane) << 5);
    v128.store(at, fourScales(p.scales, index + plane * tileLanes, p.halves, worth));
    v128.store(at, fourScales(p.scales, index + plane * tileLanes + 4, p.halves, worth), 16);
  }
}

/** The same for the last tile. */
function brokenScales(p: GroupedProduct, index: i32, rows: i32, lanes: i32, planes: i32, to: usize): void {
  scalesOfGroup(p, index, rows, lanes, planes, to);
  for (let plane = 0; plane < planes; plane++) {
    const worth = f32x4.splat(<f32>1 / <f32>(1 << placeOf(plane, planes)));
    const at = to + ((<usize>plane) << 5);
    v128.store(at, f32x4.mul(v128.load(at), worth));
    v128.store(at, f32x4.mul(v128.load(at, 16), worth), 16);
  }
}
