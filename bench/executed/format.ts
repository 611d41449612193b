/** The audit of executed multiplications as Markdown. */
import type { TextRow } from './gpuText.ts';
import type { Counts } from './instrument.ts';

export interface ExecutedReport {
  readonly model: string;
  readonly engine: string;
  readonly rows: readonly {
    readonly pass: string;
    readonly tokens: number;
    /** A token, rounded. */
    readonly executed: Counts;
    /** A token, by the costs that ops declare. */
    readonly algorithm: {
      readonly productMultiplications: number;
      readonly otherMultiplications: number;
      readonly integerAdditions: number;
    };
    readonly gpu: readonly TextRow[];
  }[];
}

const whole = (value: number) => Math.round(value).toLocaleString('en');

export function formatExecuted({ model, engine, rows }: ExecutedReport): string {
  const widths = Object.keys(rows[0]!.executed) as (keyof Counts)[];
  const labels = rows.map(({ pass, tokens }) => (tokens > 1 ? `${pass} of ${tokens} tokens` : `${pass}`));
  return [
    '# Multiplications, declared and executed',
    `Of ${model}, a token. By the algorithm, a ternary weight adds or subtracts an activation. A CPU has no such ` +
      'instruction: its kernels sum with dot products, which multiply small integers. The executed counts are exact: a ' +
      'counter after every instruction of the WebAssembly kernels that multiplies. Each addition of the algorithm is one ' +
      `product of 8-bit integers there. Scalar integers are mostly addresses. Engine: ${engine}.`,
    table(
      ['', ...labels],
      [
        [
          'algorithm: additions of 8-bit activations',
          ...rows.map((row) => whole(row.algorithm.integerAdditions)),
        ],
        ['algorithm: × in products', ...rows.map((row) => whole(row.algorithm.productMultiplications))],
        ['algorithm: other ×', ...rows.map((row) => whole(row.algorithm.otherMultiplications))],
        ...widths.map((width) => [
          `executed: × of ${width}`,
          ...rows.map((row) => whole(row.executed[width])),
        ]),
      ],
    ),
    'Kernels of the GPU engines for the same programs that multiply integers, by their text; a GPU tells no counts. The accelerator ' +
      '([rtl](../rtl)) has adders only.',
    table(
      ['', 'engine', 'kernel', 'launches', 'multiplies by'],
      rows.flatMap(({ gpu }, k) =>
        gpu.map((row) => [labels[k]!, row.engine, row.kernel, `${row.launches}`, row.multipliesBy]),
      ),
    ),
  ]
    .join('\n\n')
    .concat('\n');
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
}
