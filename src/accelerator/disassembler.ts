/** Instruction words to assembly that assembles to the same words. */
import { decode, type Field, type Instruction, reductions } from './instructionSet.ts';

/** Illegal words appear as `.word`. Targets of jumps within the program become labels. */
export function disassemble(words: readonly bigint[]): string {
  const decoded = words.map((word) => decode(word));
  const targets = new Set<number>();
  for (const found of decoded) {
    const target = found?.fields.target;
    if (target !== undefined && target <= words.length) targets.add(target);
  }
  const lines: string[] = [];
  const label = (address: number) => {
    if (targets.has(address)) lines.push(`L${address}:`);
  };
  words.forEach((word, address) => {
    label(address);
    const found = decoded[address];
    lines.push(`  ${found ? formatInstruction(found, targets) : `.word 0x${hexWord(word)}`}`);
  });
  label(words.length);
  return `${lines.join('\n')}\n`;
}

/** One instruction as assembly; a target outside `labels` is written as its address. */
export function formatInstruction(
  { operation: { name, fields }, fields: values }: Instruction,
  labels: ReadonlySet<number> = new Set(),
): string {
  const operands = fields.flatMap((field) => formatField(field, values, labels) ?? []);
  return operands.length > 0 ? `${name} ${operands.join(', ')}` : name;
}

function formatField(
  field: Field,
  values: Readonly<Record<string, number>>,
  labels: ReadonlySet<number>,
): string | undefined {
  const { name, kind, named, required, bias = 0 } = field;
  const value = values[name]!;
  if (name === 'red') return value ? `${reductions[value]}=s${values.sd}` : undefined;
  if (name === 'sd' && named) return undefined;
  if (name === 'wr') return undefined;
  if (name === 'to') return values.wr ? `to=v${value}` : undefined;
  if (kind === 'flag') return value ? name : undefined;
  if (named && !required && value === 0) return undefined;
  const text = {
    vector: () => `v${value}`,
    bank: () => `q${value}`,
    scalar: () => `s${value}`,
    target: () => (labels.has(value) ? `L${value}` : String(value)),
    integer: () => (name === 'addr' ? `0x${value.toString(16)}` : String(value + bias)),
    reduction: () => '',
    flag: () => '',
  }[kind]();
  return named ? `${name}=${text}` : text;
}

/** 16 hexadecimal digits. */
export function hexWord(word: bigint): string {
  return word.toString(16).padStart(16, '0');
}
