import { floatAt, shareStart } from "../../kernels/cpu/math.as";

@unmanaged
class TokenScores {
  logits: usize; // [rows, width]
  labels: usize; // [rows] i32
  scores: usize; // [rows, 3]
  rows: i32;
  width: i32;
}

/** In float64, because sums over long texts need it; compared with the model's matrices it costs little. */
export function tokenScoresForward(args: usize, thread: i32, threads: i32): void {
  const p = changetype<TokenScores>(args);
  const end = shareStart(p.rows, 1, thread + 1, threads);
  for (let row = shareStart(p.rows, 1, thread, threads); row < end; row++) {
    const x = floatAt(p.logits, row, p.width);
    const label = load<i32>(p.labels + ((<usize>row) << 2));
    let best = 0;
    let largest = load<f32>(x);
    for (let c = 1; c < p.width; c++) {
      const value = load<f32>(x + ((<usize>c) << 2));
      if (value > largest) {
        largest = value;
        best = c;
      }
    }
    let sum: f64 = 0;
    for (let c = 0; c < p.width; c++) sum += Math.exp(<f64>load<f32>(x + ((<usize>c) << 2)) - <f64>largest);
    const logProbability = <f64>load<f32>(x + ((<usize>label) << 2)) - (<f64>largest + Math.log(sum));
    const scores = floatAt(p.scores, row, 3);
    store<f32>(scores, <f32>logProbability);
    store<f32>(scores, <f32>(logProbability - <f64>(<f32>logProbability)), 4);
    store<f32>(scores, label == best ? 1 : 0, 8);
  }
}
