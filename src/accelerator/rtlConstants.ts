/** Generated sources of the RTL: opcodes and fields as a SystemVerilog package, tables for `$readmemh`. */
import { operations } from './instructionSet.ts';
import { rsqrtSeeds, sigmoidSlopes, sigmoidValues } from './tables.ts';

/** File name in `rtl/generated/` → content. */
export function rtlConstants(): ReadonlyMap<string, string> {
  return new Map([
    ['pm_isa.sv', isaPackage()],
    ['sigmoid.mem', hexLines(packedSigmoid(), 7)],
    ['rsqrt.mem', hexLines([...rsqrtSeeds], 6)],
  ]);
}

const unitCodes = { control: 0, ls: 1, row: 2, scl: 3, tmv: 4 } as const;

function isaPackage(): string {
  const opcodes = operations.map(
    ({ name, opcode }) => `  localparam logic [5:0] OP_${name.toUpperCase()} = 6'h${hex(opcode, 2)};`,
  );
  const legal = operations.map(({ name, fields }) => {
    const mask = fields.reduce((sum, { high, low }) => sum | (ones(high - low + 1) << BigInt(low)), 0n);
    return `  localparam logic [63:0] BITS_${name.toUpperCase()} = 64'h${((63n << 58n) | mask).toString(16).padStart(16, '0')};`;
  });
  const places = new Map<string, string>();
  for (const { name, fields } of operations) {
    for (const field of fields) {
      for (const edge of ['high', 'low'] as const) {
        const key = `${name.toUpperCase()}_${field.name.toUpperCase()}_${edge === 'high' ? 'MSB' : 'LSB'}`;
        places.set(key, `  localparam int ${key} = ${field[edge]};`);
      }
    }
  }
  const unit = Object.entries(unitCodes).map(
    ([name, code]) => `  localparam logic [2:0] UNIT_${name.toUpperCase()} = 3'd${code};`,
  );
  return [
    '// Written by scripts/buildRtl.ts from src/accelerator/instructionSet.ts; do not edit.',
    'package pm_isa;',
    ...opcodes,
    '',
    '  // Bits that an instruction may set; any other makes it illegal.',
    ...legal,
    '',
    ...unit,
    '',
    '  // Places of fields.',
    ...places.values(),
    'endpackage',
    '',
  ].join('\n');
}

/** {D[i], T[i]}: 10 and 17 bits. */
function packedSigmoid(): number[] {
  return [...sigmoidValues].map((value, i) => sigmoidSlopes[i]! * 2 ** 17 + value);
}

function hexLines(values: readonly number[], digits: number): string {
  return `${values.map((value) => hex(value, digits)).join('\n')}\n`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

function ones(count: number): bigint {
  return (1n << BigInt(count)) - 1n;
}
