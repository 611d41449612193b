/** Prints, compares and strips values of templates as Python does. */

/** A value of the template library: its kind and content. */
export interface RuntimeValue {
  readonly type: string;
  readonly value: unknown;
  /** What Python has in place of this list; absent: a list. */
  readonly kind?: SequenceKind;
  /** Methods. */
  readonly builtins?: ReadonlyMap<string, RuntimeValue>;
}

/** Sequences of Python that the template library keeps as lists. */
export type SequenceKind = 'tuple' | 'dict_keys' | 'dict_values' | 'dict_items' | 'range' | 'generator';

export function kindOf({ type, kind }: RuntimeValue): SequenceKind | 'list' {
  return type === 'TupleValue' ? 'tuple' : (kind ?? 'list');
}

/** Returns the output of `{{ value }}`. @throws if Python's output cannot be reproduced */
export function pythonText(value: RuntimeValue): string {
  if (value.type === 'StringValue') return value.value as string;
  return value.type === 'UndefinedValue' ? '' : representation(value);
}

function representation(whole: RuntimeValue): string {
  const { type, value } = whole;
  switch (type) {
    case 'StringValue':
      return quoted(value as string);
    case 'BooleanValue':
      return value === true ? 'True' : 'False';
    case 'NullValue':
      return 'None';
    case 'UndefinedValue':
      return 'Undefined';
    case 'IntegerValue':
      if (Number.isSafeInteger(value)) return String(value);
      throw new Error(`the integer ${value} is too large to be printed exactly`);
    case 'FloatValue':
      return floatText(value as number);
    case 'ArrayValue':
    case 'TupleValue':
      return sequence(kindOf(whole), (value as RuntimeValue[]).map(representation));
    case 'ObjectValue': {
      const entries = [...(value as Map<string, RuntimeValue>)];
      return `{${entries.map(([key, entry]) => `${quoted(key)}: ${representation(entry)}`).join(', ')}}`;
    }
    default:
      throw new Error(`a value of the kind ${type} cannot be printed`);
  }
}

function sequence(kind: SequenceKind | 'list', items: readonly string[]): string {
  if (kind === 'range' || kind === 'generator')
    throw new Error(`a ${kind} cannot be printed as Python prints it; use the filter "list"`);
  const text = items.join(', ');
  if (kind === 'tuple') return items.length === 1 ? `(${text},)` : `(${text})`;
  return kind === 'list' ? `[${text}]` : `${kind}([${text}])`;
}

function floatText(value: number): string {
  const size = Math.abs(value);
  if (value !== 0 && (size >= 1e16 || size < 1e-4))
    throw new Error(`the number ${value} cannot be printed as Python prints it`);
  if (Object.is(value, -0)) return '-0.0';
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

const escapes: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const unprintable = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let result = quote;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (character === quote) result += `\\${quote}`;
    else if (escapes[character]) result += escapes[character];
    else if (!unprintable.test(character)) result += character;
    else if (code < 0x100) result += `\\x${code.toString(16).padStart(2, '0')}`;
    else if (code < 0x10000) result += `\\u${code.toString(16).padStart(4, '0')}`;
    else result += `\\U${code.toString(16).padStart(8, '0')}`;
  }
  return result + quote;
}

const numeric = new Set(['IntegerValue', 'FloatValue', 'BooleanValue']);

/** `a == b` */
export function pythonEqual(a: RuntimeValue, b: RuntimeValue): boolean {
  if (numeric.has(a.type) && numeric.has(b.type)) return Number(a.value) === Number(b.value);
  if (Array.isArray(a.value) && Array.isArray(b.value)) {
    const kind = kindOf(a);
    if (kind !== kindOf(b)) return false;
    if (kind !== 'list' && kind !== 'tuple' && kind !== 'range')
      throw new Error(`cannot compare two ${kind}`);
    const other = b.value as RuntimeValue[];
    return a.value.length === other.length && a.value.every((item, at) => pythonEqual(item, other[at]!));
  }
  if (a.type !== b.type) return false;
  if (a.type === 'NullValue' || a.type === 'UndefinedValue') return true;
  if (!(a.value instanceof Map)) return a.value === b.value;
  const other = b.value as Map<string, RuntimeValue>;
  return (
    a.value.size === other.size &&
    [...(a.value as Map<string, RuntimeValue>)].every(
      ([key, item]) => other.has(key) && pythonEqual(item, other.get(key)!),
    )
  );
}

/** JavaScript's `trim` differs: it strips U+FEFF and keeps U+001C to U+001F and U+0085. */
const isPythonSpace = (character: string) =>
  /\p{White_Space}/u.test(character) || (character >= '\x1C' && character <= '\x1F');

/** @param characters the characters to strip; default white space */
export function pythonStrip(text: string, side: 'strip' | 'lstrip' | 'rstrip', characters?: string): string {
  const all = [...text];
  const taken = (character: string | undefined) =>
    character !== undefined &&
    (characters === undefined ? isPythonSpace(character) : characters.includes(character));
  let start = 0;
  let end = all.length;
  if (side !== 'rstrip') while (start < end && taken(all[start])) start++;
  if (side !== 'lstrip') while (end > start && taken(all[end - 1])) end--;
  return all.slice(start, end).join('');
}

export function pythonCapitalize(text: string): string {
  const [first = ''] = text;
  return first.toUpperCase() + text.slice(first.length).toLowerCase();
}

/** `str.title()`: each run of letters. */
export function pythonTitle(text: string): string {
  return text.replace(/\p{L}+/gu, pythonCapitalize);
}

/** Jinja's filter `title`: each part after a space, a hyphen or an opening bracket. */
export function jinjaTitle(text: string): string {
  return text
    .split(/([-\s({[<]+)/)
    .map(pythonCapitalize)
    .join('');
}
