/** Judges answers by rules. */
import type { Case, CaseGroup } from './prompts.ts';
import type { Rule } from './voice.ts';

export interface Answer {
  readonly text: string;
  /** Whether the model ended it itself, before the limit of tokens. */
  readonly ended: boolean;
}

export interface Judged extends Case {
  readonly answer: string;
  readonly right: boolean;
  readonly ended: boolean;
}

export function isRight(rule: Rule, text: string): boolean {
  const matches = (pattern: string) => new RegExp(pattern, 'is').test(text);
  return matches(rule.must) && !(rule.never !== undefined && matches(rule.never));
}

export function judge(one: Case, { text, ended }: Answer): Judged {
  return { ...one, answer: text, right: isRight(one.rule, text), ended };
}

/** The least share of right answers, in per cent. */
export const thresholds: Readonly<Partial<Record<CaseGroup, number>>> = {
  identity: 100,
  sums: 95,
  story: 95,
  recall: 90,
  declined: 90,
  'declined (sums)': 90,
};

export interface GateResult {
  readonly group: CaseGroup;
  readonly count: number;
  readonly right: number;
  readonly cut: number;
  /** Undefined without a threshold. */
  readonly passed: boolean | undefined;
}

export function gateResults(judged: readonly Judged[]): GateResult[] {
  return [...Map.groupBy(judged, ({ group }) => group)].map(([group, cases]) => {
    const right = cases.filter((one) => one.right).length;
    const cut = cases.filter(({ ended }) => !ended).length;
    const threshold = thresholds[group];
    const passed = threshold === undefined ? undefined : 100 * right >= threshold * cases.length;
    return { group, count: cases.length, right, cut, passed };
  });
}
