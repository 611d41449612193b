import { exp4, floatAt, loadLanes, maxLanes, shareStart, storeLanes, sumLanes } from "../../kernels/cpu/math.as";
import { nativeRowKernel, RowKernel } from "../../kernels/cpu/native.as";

/** Leaves the largest number of a row at `topAt`, and Σ exp(x − largest) at `sumAt`. */
function sumOfExponentials(x: usize, width: i32, topAt: usize, sumAt: usize): void {
  const whole = width & ~3;
  let top = f32x4.splat(load<f32>(x));
  for (let i = 0; i < whole; i += 4) top = f32x4.max(top, v128.load(x + ((<usize>i) << 2)));
  let max = maxLanes(top);
  for (let i = whole; i < width; i++) max = Mathf.max(max, load<f32>(x + ((<usize>i) << 2)));
  const shift = f32x4.splat(max);
  let sum = f32x4.splat(0);
  for (let i = 0; i < whole; i += 4) sum = f32x4.add(sum, exp4(f32x4.sub(v128.load(x + ((<usize>i) << 2)), shift)));
  let total = sumLanes(sum);
  for (let i = whole; i < width; i++) {
    total += f32x4.extract_lane(exp4(f32x4.splat(load<f32>(x + ((<usize>i) << 2)) - max)), 0);
  }
  store<f32>(topAt, max);
  store<f32>(sumAt, total);
}

@unmanaged
class CrossEntropyRows {
  logits: usize; // [rows, width]
  labels: usize; // [rows] i32
  logSums: usize; // [rows]
  losses: usize; // [rows]
  rows: i32;
  width: i32;
}

export function crossEntropyRows(args: usize, thread: i32, threads: i32): void {
  const p = changetype<CrossEntropyRows>(args);
  // The logarithm is taken here in any case, so that its bits are the same.
  const isSummed = nativeRowKernel(RowKernel.sumsOfExponentials, args, thread, threads);
  const end = shareStart(p.rows, 1, thread + 1, threads);
  for (let row = shareStart(p.rows, 1, thread, threads); row < end; row++) {
    const at = (<usize>row) << 2;
    const label = load<i32>(p.labels + at);
    const x = floatAt(p.logits, row, p.width);
    if (!isSummed) sumOfExponentials(x, p.width, p.losses + at, p.logSums + at);
    const logSum = load<f32>(p.losses + at) + <f32>Math.log(load<f32>(p.logSums + at));
    store<f32>(p.logSums + at, logSum);
    store<f32>(p.losses + at, label < 0 ? 0 : logSum - load<f32>(x + ((<usize>label) << 2)));
  }
}

/** Number of rows with a label. */
function labelled(labels: usize, rows: i32): i32 {
  let count = 0;
  for (let row = 0; row < rows; row++) if (load<i32>(labels + ((<usize>row) << 2)) >= 0) count++;
  return count;
}

@unmanaged
class CrossEntropyMean {
  losses: usize; // [rows]
  counted: usize; // [countedRows] i32: the labels of the mean
  loss: usize; // [1]
  rows: i32;
  countedRows: i32;
  weight: f32;
}

export function crossEntropyMean(args: usize, thread: i32, threads: i32): void {
  if (thread > 0) return;
  const p = changetype<CrossEntropyMean>(args);
  let sum: f64 = 0;
  for (let row = 0; row < p.rows; row++) sum += load<f32>(p.losses + ((<usize>row) << 2));
  const count = labelled(p.counted, p.countedRows);
  store<f32>(p.loss, count ? <f32>((sum * p.weight) / count) : 0);
}

@unmanaged
class CrossEntropyBackward {
  logits: usize; // [rows, width]
  labels: usize; // [rows] i32
  logSums: usize; // [rows]
  dLoss: usize; // [1]
  counted: usize; // [countedRows] i32
  dLogits: usize; // [rows, width]; may be the memory of `logits`
  rows: i32;
  width: i32;
  countedRows: i32;
  weight: f32;
}

export function crossEntropyBackward(args: usize, thread: i32, threads: i32): void {
  if (nativeRowKernel(RowKernel.crossEntropyBackward, args, thread, threads)) return;
  const p = changetype<CrossEntropyBackward>(args);
  const width = p.width;
  const scale = (load<f32>(p.dLoss) * p.weight) / <f32>max(labelled(p.counted, p.countedRows), 1);
  const end = shareStart(p.rows, 1, thread + 1, threads);
  for (let row = shareStart(p.rows, 1, thread, threads); row < end; row++) {
    const at = (<usize>row) << 2;
    const label = load<i32>(p.labels + at);
    const logSum = f32x4.splat(load<f32>(p.logSums + at));
    const rowScale = f32x4.splat(label < 0 ? 0 : scale);
    const x = floatAt(p.logits, row, width);
    const dx = floatAt(p.dLogits, row, width);
    for (let i = 0; i < width; i += 4) {
      storeLanes(dx, i, width, f32x4.mul(exp4(f32x4.sub(loadLanes(x, i, width), logSum)), rowScale));
    }
    if (label >= 0) {
      const target = dx + ((<usize>label) << 2);
      store<f32>(target, load<f32>(target) - scale);
    }
  }
}
