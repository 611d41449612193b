/** The grammar of answers that must call a tool, in the form that the model's chat template teaches. */

import { InputError } from '../../errors.ts';
import { automatonOf } from '../constraint/automaton.ts';
import {
  choice,
  type Expression,
  type Grammar,
  literal,
  many,
  rule,
  sequence,
} from '../constraint/grammar.ts';
import { jsonSchema } from '../constraint/jsonSchema.ts';
import { Machine } from '../constraint/machine.ts';
import { Constraint } from '../constraint/matcher.ts';
import type { ConstraintTokenizer } from '../constraint/tokenTrie.ts';
import type { ToolDefinition } from './tools.ts';

export interface RequiredCalls {
  readonly tools: readonly ToolDefinition[];
  /** Whether there may be several calls. */
  readonly parallel: boolean;
  readonly template: string | undefined;
}

/** @throws InputError if the parameters of a tool are a schema that cannot be met or is not supported */
export function requiredCalls(calls: RequiredCalls, tokenizer: ConstraintTokenizer): Constraint {
  return new Constraint(new Machine(automatonOf(grammarOf(calls))), tokenizer);
}

function grammarOf({ tools, parallel, template }: RequiredCalls): Grammar {
  const isLlama =
    template !== undefined &&
    !template.includes('<tool_call>') &&
    /<\|python_tag\|>|"parameters"/.test(template);
  const [before, field, after, between] = isLlama
    ? ['', 'parameters', '', '; ']
    : ['<tool_call>', 'arguments', '</tool_call>', '\n'];
  const rules = new Map<string, Expression>();
  const options = tools.map(({ function: { name, parameters } }, index) =>
    sequence([
      literal(`${before}{"name": ${JSON.stringify(name)}, "${field}": `),
      argumentsRule(rules, parameters, index),
      literal(`}${after}`),
    ]),
  );
  rules.set('call', choice(options));
  const more = parallel ? [many(sequence([literal(between), rule('call')]))] : [];
  rules.set('root', sequence([rule('call'), ...more]));
  return { root: 'root', rules };
}

/** The rules of a schema under names of their own. */
function argumentsRule(
  rules: Map<string, Expression>,
  parameters: object | undefined,
  index: number,
): Expression {
  if (parameters === undefined || Object.keys(parameters).length === 0) return literal('{}');
  try {
    const grammar = jsonSchema(parameters);
    for (const [name, body] of grammar.rules) rules.set(`${index} ${name}`, renamed(body, index));
    return rule(`${index} ${grammar.root}`);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`tools[${index}].function.parameters: ${error.message}`, { cause: error });
  }
}

function renamed(expression: Expression, index: number): Expression {
  switch (expression.kind) {
    case 'rule':
      return rule(`${index} ${expression.name}`);
    case 'sequence':
      return { ...expression, parts: expression.parts.map((part) => renamed(part, index)) };
    case 'choice':
      return { ...expression, options: expression.options.map((option) => renamed(option, index)) };
    case 'repeat':
      return { ...expression, body: renamed(expression.body, index) };
    case 'byte':
      return expression;
  }
}
