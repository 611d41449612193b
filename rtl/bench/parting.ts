/** Where two traces part, with the lines around. */
export function parting(found: string, expected: string): string {
  const [left, right] = [found.split('\n'), expected.split('\n')];
  const at = left.findIndex((line, i) => line !== right[i]);
  const around = (lines: string[]) => lines.slice(Math.max(0, at - 4), at + 3).join('\n');
  return `RTL:\n${around(left)}\nsimulator:\n${around(right)}`;
}
