/**
 * Runs chat templates as jinja2 does in transformers. The library's interpreter differs in how it prints and compares
 * values, in `strip('x')`, `%` and lengths, and it has no bound of work; these parts are replaced here.
 */
import { Environment, Interpreter } from '@huggingface/jinja';
import {
  jinjaTitle,
  kindOf,
  pythonCapitalize,
  pythonEqual,
  pythonStrip,
  pythonText,
  pythonTitle,
  type RuntimeValue,
  type SequenceKind,
} from './python.ts';
import { checkFloats, checkSize, MAX_RANGE, WorkLimit } from './templateLimits.ts';

interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The library's interpreter, whose methods its types call private. */
interface Base {
  evaluate(node: Node | undefined, environment: Environment): RuntimeValue;
  evaluateBlock(statements: readonly Node[], environment: Environment): RuntimeValue;
  evaluateBinaryExpression(node: Node, environment: Environment): RuntimeValue;
  evaluateFilterExpression(node: Node, environment: Environment): RuntimeValue;
  evaluateMemberExpression(node: Node, environment: Environment): RuntimeValue;
  evaluateCallExpression(node: Node, environment: Environment): RuntimeValue;
  evaluateFor(node: Node, environment: Environment): RuntimeValue;
  evaluateTestExpression(node: Node, environment: Environment): RuntimeValue;
}

const BaseInterpreter = Interpreter as unknown as new (environment: Environment) => Base;

/** Statements that write nothing. */
const silent = new Set(['Set', 'Macro', 'Comment', 'Break', 'Continue']);

/** Filters whose result is a generator in Python, and methods of objects with the kinds of their results. */
const lazyFilters = new Set(['map', 'select', 'reject', 'selectattr', 'rejectattr', 'unique', 'items']);
const views = new Map<string, SequenceKind>([
  ...(['keys', 'values', 'items'] as const).map((name) => [name, `dict_${name}`] as const),
]);

export class TemplateInterpreter extends BaseInterpreter {
  readonly #work = new WorkLimit();
  /** Generators that were read: a second reading would find nothing. */
  readonly #read = new WeakSet<RuntimeValue>();

  override evaluate(node: Node | undefined, environment: Environment): RuntimeValue {
    if (node?.type === 'Evaluated') return node.value as RuntimeValue;
    this.#work.step();
    const value = super.evaluate(node, environment);
    checkSize(value);
    return value;
  }

  override evaluateBlock(statements: readonly Node[], environment: Environment): RuntimeValue {
    let text = '';
    this.#work.step(); // a loop's body may be empty
    for (const statement of statements) {
      const value = this.evaluate(statement, environment);
      if (!silent.has(statement.type)) text += pythonText(value);
      this.#work.size(text.length);
    }
    return stringOf(text);
  }

  override evaluateBinaryExpression(node: Node, environment: Environment): RuntimeValue {
    const operator = (node.operator as { value: string }).value;
    if (operator === 'and' || operator === 'or') return super.evaluateBinaryExpression(node, environment);
    const left = this.evaluate(node.left as Node, environment);
    const right = this.evaluate(node.right as Node, environment);
    const isText = [left, right].filter(({ type }) => type === 'StringValue').length;
    if (operator === '==' || operator === '!=')
      return booleanOf(pythonEqual(left, right) === (operator === '=='));
    if (operator === '~') return stringOf(pythonText(left) + pythonText(right));
    if ((operator === 'in' || operator === 'not in') && Array.isArray(right.value))
      return booleanOf(right.value.some((item) => pythonEqual(item, left)) === (operator === 'in'));
    if (operator === '+' && Array.isArray(left.value) && Array.isArray(right.value))
      return concatenated(left, right);
    if (operator === '+' && isText === 1) throw new Error(`cannot add ${left.type} and ${right.type}`);
    if (['%', '/', '//'].includes(operator) && right.value === 0) throw new Error('division by zero');
    if (operator === '%' && left.type === 'IntegerValue' && right.type === 'IntegerValue')
      return integerOf(modulo(left.value as number, right.value as number));
    return super.evaluateBinaryExpression({ ...node, left: known(left), right: known(right) }, environment);
  }

  override evaluateMemberExpression(node: Node, environment: Environment): RuntimeValue {
    const object = this.evaluate(node.object as Node, environment);
    if (object.type === 'UndefinedValue') throw new Error('an undefined value has no attributes');
    const property = node.property as Node;
    if (Array.isArray(object.value)) return this.#itemOf(object, node, environment);
    if (node.computed !== true) {
      if (object.type === 'StringValue' && property.value === 'length') return undefinedValue;
      const method = methodOf(object, property.value as string);
      if (method) return method;
    }
    if (object.type === 'StringValue' && node.computed === true && property.type !== 'SliceExpression') {
      const index = this.evaluate(property, environment);
      if (index.type === 'IntegerValue') {
        const character = [...(object.value as string)].at(index.value as number);
        if (character !== undefined) return stringOf(character);
      }
      return super.evaluateMemberExpression(
        { ...node, object: known(object), property: known(index) },
        environment,
      );
    }
    return super.evaluateMemberExpression({ ...node, object: known(object) }, environment);
  }

  /** Python's sequences have items, and no attributes that a template could read. */
  #itemOf(object: RuntimeValue, node: Node, environment: Environment): RuntimeValue {
    const kind = kindOf(object);
    const isIndexed = kind === 'list' || kind === 'tuple' || kind === 'range';
    if (node.computed !== true || !isIndexed) throw new Error(`a ${kind} has no such item or attribute`);
    const item = super.evaluateMemberExpression({ ...node, object: known(object) }, environment);
    const isSlice = (node.property as Node).type === 'SliceExpression';
    return isSlice && kind !== 'list' ? ofKind(item, kind) : item;
  }

  override evaluateFor(node: Node, environment: Environment): RuntimeValue {
    const source = node.iterable as Node;
    const isFiltered = source.type === 'SelectExpression';
    const found = this.evaluate(isFiltered ? (source.lhs as Node) : source, environment);
    this.#readOnce(found);
    const iterable = isFiltered ? { ...source, lhs: known(found) } : known(found);
    return super.evaluateFor({ ...node, iterable }, environment);
  }

  #readOnce(value: RuntimeValue): void {
    if (value.kind !== 'generator') return;
    if (this.#read.has(value)) throw new Error('a generator is read twice; use the filter "list" first');
    this.#read.add(value);
  }

  override evaluateCallExpression(node: Node, environment: Environment): RuntimeValue {
    const callee = node.callee as Node;
    if (callee.type !== 'MemberExpression' || callee.computed === true)
      return this.#plainCall(node, environment);
    const object = this.evaluate(callee.object as Node, environment);
    const name = (callee.property as Node).value as string;
    const args = node.args as Node[];
    if (object.type === 'StringValue') {
      const found = this.#stringMethod(object.value as string, name, args, environment);
      if (found !== undefined) return found;
    }
    const method = methodOf(object, name);
    const call = { ...node, callee: method ? known(method) : { ...callee, object: known(object) } };
    const result = super.evaluateCallExpression(call, environment);
    const view = object.type === 'ObjectValue' ? views.get(name) : undefined;
    if (view === undefined) return result;
    return ofKind(name === 'items' ? ofTuples(result) : result, view);
  }

  #plainCall(node: Node, environment: Environment): RuntimeValue {
    const result = super.evaluateCallExpression(node, environment);
    const { type, value } = node.callee as Node;
    return type === 'Identifier' && value === 'range' ? ofKind(result, 'range') : result;
  }

  override evaluateTestExpression(node: Node, environment: Environment): RuntimeValue {
    const name = (node.test as Node).value;
    if (name !== 'iterable' && name !== 'sequence') return super.evaluateTestExpression(node, environment);
    const operand = this.evaluate(node.operand as Node, environment);
    const kind = Array.isArray(operand.value) ? kindOf(operand) : undefined;
    const isIndexed = kind === 'list' || kind === 'tuple' || kind === 'range';
    const holds =
      operand.type === 'StringValue' ||
      operand.type === 'ObjectValue' ||
      (name === 'iterable' ? kind !== undefined : isIndexed);
    return booleanOf(holds !== (node.negate === true));
  }

  #stringMethod(text: string, name: string, args: readonly Node[], environment: Environment) {
    if (name === 'strip' || name === 'lstrip' || name === 'rstrip') {
      const [characters] = args.map((arg) => this.evaluate(arg, environment));
      if (args.length > 1 || (characters && characters.type !== 'StringValue'))
        throw new Error(`${name}: expected one text`);
      return stringOf(pythonStrip(text, name, characters?.value as string | undefined));
    }
    if (args.length > 0) return undefined;
    if (name === 'capitalize') return stringOf(pythonCapitalize(text));
    return name === 'title' ? stringOf(pythonTitle(text)) : undefined;
  }

  override evaluateFilterExpression(node: Node, environment: Environment): RuntimeValue {
    const operand = this.evaluate(node.operand as Node, environment);
    const filter = node.filter as Node;
    const called = filter.type === 'CallExpression';
    const name = ((called ? filter.callee : filter) as Node).value as string;
    if (name !== 'default') this.#readOnce(operand);
    if (!called) {
      const found = plainFilter(name, operand);
      if (found !== undefined) return found;
    }
    checkKind(name, operand);
    if (name === 'tojson') checkFloats(operand);
    const input =
      name === 'join' && Array.isArray(operand.value) && operand.value.every(isPlain)
        ? arrayOf(operand.value.map((item) => stringOf(pythonText(item))))
        : operand;
    const result = super.evaluateFilterExpression({ ...node, operand: known(input) }, environment);
    const items = name === 'items' || name === 'dictsort' ? ofTuples(result) : result;
    if (lazyFilters.has(name)) return ofKind(items, 'generator');
    const isReversed = name === 'reverse' && Array.isArray(operand.value) && operand.kind !== 'generator';
    return isReversed ? ofKind(items, 'generator') : items;
  }
}

/** @throws for filters that Python refuses for this kind of sequence */
function checkKind(filter: string, operand: RuntimeValue): void {
  const kind = kindOf(operand);
  if (kind === 'generator' && ['length', 'count', 'last', 'random'].includes(filter))
    throw new Error(`${filter}: a generator has none; use the filter "list" first`);
  if (filter === 'tojson' && kind !== 'list' && kind !== 'tuple')
    throw new Error(`tojson: a ${kind} is not JSON; use the filter "list" first`);
}

/** A method of an object, which Python finds before an item of the same name. */
function methodOf({ type, value, builtins }: RuntimeValue, name: string): RuntimeValue | undefined {
  return type === 'ObjectValue' && (value as Map<string, unknown>).has(name)
    ? builtins?.get(name)
    : undefined;
}

/** Filters without arguments that the library computes differently. */
function plainFilter(name: string, operand: RuntimeValue): RuntimeValue | undefined {
  if (name === 'string') return stringOf(pythonText(operand));
  if (name === 'list' && Array.isArray(operand.value)) return arrayOf([...operand.value]);
  if (operand.type !== 'StringValue') return undefined;
  const text = operand.value as string;
  if (name === 'trim') return stringOf(pythonStrip(text, 'strip'));
  if (name === 'capitalize') return stringOf(pythonCapitalize(text));
  if (name === 'title') return stringOf(jinjaTitle(text));
  return name === 'length' || name === 'count' ? integerOf([...text].length) : undefined;
}

function isPlain(value: RuntimeValue): boolean {
  return value.type !== 'ObjectValue';
}

function modulo(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

function known(value: RuntimeValue): Node {
  return { type: 'Evaluated', value };
}

/** The library exports no classes of values; literals have them. */
type ValueClass = new (value: unknown) => RuntimeValue;
const literals = new BaseInterpreter(new Environment());
const classOf = (node: Node) => literals.evaluate(node, new Environment()).constructor as ValueClass;
const StringClass = classOf({ type: 'StringLiteral', value: '' });
const IntegerClass = classOf({ type: 'IntegerLiteral', value: 0 });
const ArrayClass = classOf({ type: 'ArrayLiteral', value: [] });
const BooleanClass = classOf({
  type: 'UnaryExpression',
  operator: { value: 'not' },
  argument: { type: 'StringLiteral', value: '' },
});

const undefinedValue = literals.evaluate({ type: 'Identifier', value: 'nothing' }, new Environment());

const stringOf = (text: string) => new StringClass(text);
const integerOf = (value: number) => new IntegerClass(value);
const booleanOf = (value: boolean) => new BooleanClass(value);
const arrayOf = (items: RuntimeValue[]) => new ArrayClass(items);

/** A list that is another kind of sequence in Python. A generator is true even if it is empty. */
function ofKind(list: RuntimeValue, kind: SequenceKind): RuntimeValue {
  const isTrue = () => booleanOf(kind === 'generator' || (list.value as RuntimeValue[]).length > 0);
  return Object.assign(new ArrayClass(list.value), { kind, __bool__: isTrue });
}

/** The pairs as tuples. Their type stays that of lists, because loops unpack nothing else. */
function ofTuples(pairs: RuntimeValue): RuntimeValue {
  return arrayOf((pairs.value as RuntimeValue[]).map((pair) => ofKind(pair, 'tuple')));
}

function concatenated(left: RuntimeValue, right: RuntimeValue): RuntimeValue {
  const [kind, other] = [kindOf(left), kindOf(right)];
  if (kind !== other || (kind !== 'list' && kind !== 'tuple'))
    throw new Error(`cannot add ${kind} and ${other}`);
  const whole = arrayOf([...(left.value as RuntimeValue[]), ...(right.value as RuntimeValue[])]);
  return kind === 'list' ? whole : ofKind(whole, kind);
}

/** Jinja's `range`, with the bound of jinja2's sandbox. */
export function range(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (!(length <= MAX_RANGE))
    throw new Error(`range: found ${length} numbers, expected at most ${MAX_RANGE}`);
  return Array.from({ length }, (_, at) => start + at * step);
}
