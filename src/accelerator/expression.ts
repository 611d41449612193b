/** Integer expressions of assembly: numbers, constants, + − *, parentheses. */
import { errorAt, type Token } from './lexer.ts';

/** Where an expression stands, and what names in it mean. */
export interface ExpressionScope {
  readonly source: string;
  peek(): Token;
  next(): Token;
  constantNamed(token: Token): number;
}

/** Nested parentheses, so that hostile text cannot exhaust the stack. */
const deepest = 100;

/** The value of the expression that begins at the next token: a safe integer. */
export function evaluate(scope: ExpressionScope, depth = 0): number {
  let value = term(scope, depth);
  for (;;) {
    const operator = scope.peek();
    if (operator.text !== '+' && operator.text !== '-') return value;
    scope.next();
    const right = term(scope, depth);
    value = checked(scope, operator, operator.text === '+' ? value + right : value - right);
  }
}

function term(scope: ExpressionScope, depth: number): number {
  let value = factor(scope, depth);
  while (scope.peek().text === '*') {
    const operator = scope.next();
    value = checked(scope, operator, value * factor(scope, depth));
  }
  return value;
}

function factor(scope: ExpressionScope, depth: number): number {
  const token = scope.next();
  if (depth > deepest) throw errorAt(scope.source, token, `parentheses deeper than ${deepest}`);
  if (token.kind === 'integer') return checked(scope, token, Number(token.text));
  if (token.kind === 'name') return scope.constantNamed(token);
  if (token.text === '-') return -factor(scope, depth + 1);
  if (token.text === '(') {
    const value = evaluate(scope, depth + 1);
    const close = scope.next();
    if (close.text !== ')') throw errorAt(scope.source, close, `found ${close.text}, expected )`);
    return value;
  }
  throw errorAt(scope.source, token, `found ${token.text}, expected a number or a constant`);
}

function checked(scope: ExpressionScope, place: Token, value: number): number {
  if (Number.isSafeInteger(value)) return value;
  throw errorAt(scope.source, place, `${value} is too large a number`);
}
