/**
 * Each op of a decode program as instructions. A BitLinear's int8 quantisation needs no RMS: rounding
 * y · 127 / max |y| gives the same integers for y and for any multiple of it, so 1/rms only enters the scale of the
 * result, off the critical path. (The 1e-5 below which the formula clamps max |y| is reached by no vector that has
 * been normalised, unless all of it is 0; then q = 0 either way.)
 */
import type { Builder, Fixed, Raw, Value } from './builder.ts';
import {
  activationFraction,
  constantFraction,
  normalFraction,
  residualFraction,
  stateFraction,
  tableFraction,
} from './formats.ts';
import type { Region } from './layout.ts';
import type { Mode } from './mode.ts';
import type { VirtualBank, VirtualScalar } from './virtual.ts';

/** 1/√(mean(x²) + ε) = scalar · factor, for x as a real number. */
interface InverseRms {
  readonly scalar: VirtualScalar;
  readonly factor: number;
}

export function inverseRms(builder: Builder, x: Fixed, epsilon: number): InverseRms {
  const n = x.vector.length;
  const { scalar: squares } = builder.reduce('ss', x);
  const shifted = builder.scalar('sadd', squares, builder.constant(n * epsilon * 4 ** x.fraction));
  const scalar = builder.scalar('srsq', shifted);
  return { scalar, factor: 2 ** x.fraction * Math.sqrt(n) };
}

/** x / rms(x) ⊙ b, b with 16 fraction bits. */
export function normalised(builder: Builder, x: Fixed, epsilon: number, b: Fixed): Fixed {
  const rms = inverseRms(builder, x, epsilon);
  const scale = builder.times(rms.scalar, rms.factor * 2 ** (normalFraction - x.fraction));
  return builder.row('mul', {
    ...{ a: x.vector, b: b.vector, scale },
    shift: normalFraction + b.fraction - activationFraction,
    fraction: activationFraction,
  });
}

/** Shared by the products of one BitLinear. */
export interface Quantised {
  readonly q: VirtualBank;
  /** The scale of its sums, as a value, is scalar · factor · (the matrix's own scale). */
  readonly scalar: VirtualScalar;
  readonly factor: number;
}

/** The first half of BitLinear: RMSNorm with weight γ, then int8 by the largest magnitude. */
export function quantised(builder: Builder, input: Fixed, rms: InverseRms, gamma: Fixed): Quantised {
  const y = builder.row('mul', {
    ...{ a: input.vector, b: gamma.vector },
    shift: constantFraction,
    fraction: input.fraction,
  });
  const { scalar: max, x } = builder.reduce('max', y);
  const q: VirtualBank = { kind: 'bank' };
  const scale = builder.scalar('smul', builder.scalar('srcp', max), builder.constant(127));
  builder.emit({
    ...{ name: 'qnt', fields: { len: x.vector.length } },
    ...{ reads: { a: x.vector, scale }, writes: { q } },
  });
  const scalar = builder.scalar('smul', rms.scalar, max);
  return { q, scalar, factor: (rms.factor * 2 ** -input.fraction) / 127 };
}

/** The result of a product; scalars for its formats are made when they are asked for. */
export function rawValue(
  builder: Builder,
  vector: Raw['vector'],
  { scalar, factor }: Quantised,
  matrixScale: number,
): Raw {
  const known = new Map<number, VirtualScalar>();
  const scale = (fraction: number) => {
    const found = known.get(fraction) ?? builder.times(scalar, factor * matrixScale * 2 ** fraction);
    known.set(fraction, found);
    return found;
  };
  return { kind: 'raw', vector, scale };
}

/** σ, 1 − σ or SiLU of a value. */
export function activation(builder: Builder, name: 'sig' | 'sigc' | 'silu', x: Value): Fixed {
  const scale = builder.scaleTo(x, tableFraction);
  return builder.row(name, { a: x.vector, scale, fraction: tableFraction });
}

/** a + b; a product's sums are scaled on the way. */
export function sum(builder: Builder, a: Value, b: Value): Fixed {
  const [scaled, kept] = a.kind === 'fixed' && b.kind === 'raw' ? [b, a] : [a, b];
  const fraction = kept.kind === 'fixed' ? kept.fraction : residualFraction;
  const fixed = builder.toFixed(kept, fraction);
  const scale = builder.scaleTo(scaled, fraction);
  return builder.row('add', { a: scaled.vector, b: fixed.vector, scale, fraction });
}

/**
 * h + n ⊙ (SiLU(i) − h) with n = (1 − bound) ⊙ (1 − σ(f)), which is f' ⊙ h + (1 − f') ⊙ SiLU(i): one product less,
 * and a state that stays where it is when the gate is shut.
 */
export function recurrence(
  builder: Builder,
  gates: { readonly i: Value; readonly f: Value; readonly rest: (() => Fixed) | undefined },
  state: Region,
  mode: Mode,
): Fixed {
  const candidate = activation(builder, 'silu', gates.i);
  let open = activation(builder, 'sigc', gates.f);
  if (gates.rest) {
    const rest = gates.rest();
    open = builder.row('mul', {
      ...{ a: open.vector, b: rest.vector },
      ...{ shift: rest.fraction, fraction: tableFraction },
    });
  }
  const each = mode === 'decode' && builder.batch > 1;
  const before = builder.load(state, candidate.vector.length, stateFraction, each);
  const scale = builder.scaleTo(candidate, stateFraction);
  const advance = (h: Fixed) => advanced(builder, h, { candidate, scale, open });
  const h = mode === 'decode' ? advance(before) : scanned(builder, before, advance);
  builder.store(state, h, { each });
  return h;
}

/** h + open ⊙ (candidate − h); h itself in slots that have no token. */
function advanced(
  builder: Builder,
  h: Fixed,
  { candidate, scale, open }: { candidate: Fixed; scale: VirtualScalar | undefined; open: Fixed },
): Fixed {
  const fraction = stateFraction;
  const step = builder.row('sub', { a: candidate.vector, b: h.vector, scale, fraction });
  const moved = builder.row('mul', {
    ...{ a: step.vector, b: open.vector, scale: builder.active },
    ...{ shift: tableFraction, fraction },
  });
  return builder.row('add', { a: moved.vector, b: h.vector, fraction });
}

/**
 * The states after each of the tokens in the slots: every slot advances what it has, then passes it to the slot behind it.
 * After k rounds the first k slots are right, because the state before the first one stays where it is.
 */
function scanned(builder: Builder, first: Fixed, advance: (h: Fixed) => Fixed): Fixed {
  let [before, after] = [first, advance(first)];
  for (let round = 1; round < builder.batch; round++) {
    before = builder.row('shf', { a: after.vector, b: before.vector, fraction: stateFraction });
    after = advance(before);
  }
  return after;
}

/** a ⊙ b, for b with 16 fraction bits. */
export function gated(builder: Builder, a: Value, b: Fixed): Fixed {
  const scale = builder.scaleTo(a, activationFraction);
  return builder.row('mul', {
    ...{ a: a.vector, b: b.vector, scale },
    ...{ shift: b.fraction, fraction: activationFraction },
  });
}
