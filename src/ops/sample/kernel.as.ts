// Draws a token of each row of logits with the code of draw/, which the host uses too: both draw the same tokens.

import { floatAt, shareStart } from "../../kernels/cpu/math.as";
import { nativeRowKernel, RowKernel } from "../../kernels/cpu/native.as";
import { draw, likeliest, useRoom } from "./draw/draw.as";
import { intAt, setInt } from "./draw/select.as";

@unmanaged
class SampleRows {
  logits: usize; // [rows, width]
  settings: usize; // [rows, 5]: see `settingsOf`
  uniforms: usize; // [rows, ahead]
  allowed: usize; // [rows, ⌈width / 32⌉] i32
  turn: usize; // [rows] i32; this and what follows changes in place
  seen: usize; // [rows, ⌈width / 32⌉] i32
  tokens: usize; // [rows, ahead] i32
  next: usize; // [rows] i32
  position: usize; // [rows] i32
  room: usize; // of each piece
  rows: i32;
  width: i32;
  ahead: i32;
  roomBytes: i32;
}

export function sampleRows(args: usize, thread: i32, threads: i32): void {
  if (nativeRowKernel(RowKernel.sampleRows, args, thread, threads)) return;
  const p = changetype<SampleRows>(args);
  const room = p.room + <usize>thread * <usize>p.roomBytes;
  useRoom(room, p.width);
  const end = shareStart(p.rows, 1, thread + 1, threads);
  for (let row = shareStart(p.rows, 1, thread, threads); row < end; row++) {
    prepareLogits(p, row, room);
    keep(p, row, tokenOf(p, row));
  }
}

/** Copies a row of logits to the room: −Infinity for what is not allowed, less for what has occurred. */
function prepareLogits(p: SampleRows, row: i32, logits: usize): void {
  memory.copy(logits, floatAt(p.logits, row, p.width), <usize>p.width << 2);
  const words = (p.width + 31) >> 5;
  const allowed = floatAt(p.allowed, row, words);
  const seen = floatAt(p.seen, row, words);
  const penalty = <f64>load<f32>(floatAt(p.settings, row, 5), 16);
  for (let word = 0; word < words; word++) {
    const inside = word < words - 1 || !(p.width & 31) ? -1 : (1 << (p.width & 31)) - 1;
    const logit = logits + (<usize>word << 7); // of its first token
    for (let bits = ~intAt(allowed, word) & inside; bits; bits &= bits - 1) {
      store<f32>(logit + (<usize>ctz(bits) << 2), -Infinity);
    }
    if (penalty == 1) continue;
    for (let bits = intAt(seen, word) & inside; bits; bits &= bits - 1) penalise(logit + (<usize>ctz(bits) << 2), penalty);
  }
}

function penalise(at: usize, penalty: f64): void {
  const logit = <f64>load<f32>(at);
  store<f32>(at, <f32>(logit > 0 ? logit / penalty : logit * penalty));
}

/** The token drawn from the logits in the room; −1: one is not finite, or no token is possible. */
function tokenOf(p: SampleRows, row: i32): i32 {
  const best = likeliest(p.width);
  const settings = floatAt(p.settings, row, 5);
  const temperature = <f64>load<f32>(settings);
  if (best < 0 || temperature == 0) return best;
  const topK = <f64>load<f32>(settings, 4);
  const topP = <f64>load<f32>(settings, 8);
  const minP = <f64>load<f32>(settings, 12);
  const uniform = <f64>load<f32>(floatAt(p.uniforms, row, p.ahead) + (<usize>intAt(p.turn, row) << 2));
  return draw(p.width, best, temperature, topK, topP, minP, uniform);
}

/** Writes a token that was drawn, and what follows from it. */
function keep(p: SampleRows, row: i32, token: i32): void {
  const at = intAt(p.turn, row);
  setInt(p.turn, row, (at + 1) % p.ahead);
  setInt(p.position, row, intAt(p.position, row) + 1);
  setInt(p.tokens, row * p.ahead + at, token);
  setInt(p.next, row, max(token, 0)); // what is read next must have a row in the embedding
  if (token < 0) return;
  const seen = floatAt(p.seen, row, (p.width + 31) >> 5);
  setInt(seen, token >> 5, intAt(seen, token >> 5) | (1 << (token & 31)));
}
