/** Traces of events by cycle; the simulator and the RTL are compared by them. */

export type TraceEvent =
  | { readonly kind: 'I'; readonly cycle: number; readonly pc: number }
  | { readonly kind: 'R'; readonly cycle: number; readonly pc: number; readonly checksum: number }
  | { readonly kind: 'O'; readonly cycle: number; readonly token: number }
  | { readonly kind: 'H'; readonly cycle: number; readonly code: number; readonly pc: number };

const order = { I: 0, R: 1, O: 2, H: 3 } as const;

/**
 * Lines by cycle, then I, R, O, H, then address. Nothing is listed after the cycle of the halt, when a fault in
 * the ternary unit leaves others unfinished.
 */
export function traceText(events: readonly TraceEvent[]): string {
  const halt = events.find(({ kind }) => kind === 'H')?.cycle ?? Number.POSITIVE_INFINITY;
  const pc = (event: TraceEvent) => ('pc' in event ? event.pc : 0);
  const sorted = events
    .filter(({ cycle }) => cycle <= halt)
    .sort((a, b) => a.cycle - b.cycle || order[a.kind] - order[b.kind] || pc(a) - pc(b));
  return `${sorted.map(line).join('\n')}\n`;
}

function line(event: TraceEvent): string {
  const { kind, cycle } = event;
  if (kind === 'I') return `I ${cycle} ${event.pc}`;
  if (kind === 'R') return `R ${cycle} ${event.pc} ${event.checksum.toString(16).padStart(8, '0')}`;
  if (kind === 'O') return `O ${cycle} ${event.token}`;
  return `H ${cycle} ${event.code} ${event.pc}`;
}
