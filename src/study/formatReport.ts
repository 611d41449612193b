/** A report as Markdown. */
import type { Provenance } from './runStudy.ts';
import type { Report, Table } from './study.ts';

export function formatReport({ title, text, tables, figures }: Report, provenance: Provenance): string {
  const { command, commit, date, engine, processor, node, seed } = provenance;
  const parts = [
    `# ${title}`,
    ['```sh', command, '```'].join('\n'),
    `Commit ${commit}, ${date.slice(0, 10)}, engine ${engine}, ${processor}, Node ${node}, seed ${seed}.`,
    ...figures.map(({ name, caption }) => `![${caption}](${name}.svg)\n\n${caption}`),
    ...text,
    ...tables.map(formatTable),
  ];
  return `${parts.join('\n\n')}\n`;
}

function formatTable({ title, columns, rows }: Table): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = columns.map((_, index) => (index === 0 ? '---' : '--:'));
  return [`## ${title}`, '', line(columns), line(rule), ...rows.map(line)].join('\n');
}
