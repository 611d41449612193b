/** Numbers and tables as people read them. */

/** 85.3 MB: decimal units, three digits or so. */
export function formatBytes(bytes: number): string {
  return withUnit(bytes, ['B', 'kB', 'MB', 'GB', 'TB']);
}

/** 341.2 M: counts of operations or parameters. */
export function formatCount(count: number): string {
  return withUnit(count, ['', 'k', 'M', 'G', 'T']);
}

/** 45 s, 3.5 min, 2.0 h: how long something takes, roughly. */
export function formatDuration(seconds: number): string {
  if (seconds < 99.5) return `${seconds.toFixed(0)} s`;
  return seconds < 5970 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function withUnit(value: number, units: readonly string[]): string {
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`.trim();
}

/** Lines of aligned columns: the first to the left, all others, as numbers, to the right. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [line(head), rule, ...rows.map(line)];
}

/** The same as Markdown. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, column) => (column === 0 ? '---' : '--:'));
  return [line(head), line(rule), ...rows.map(line)];
}
