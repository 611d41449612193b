/** The project's TypeScript, parsed as far as the rules of the house need it. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Import {
  /** The imported file, from the root. */
  readonly path: string;
  /** Names; `*` stands for all. */
  readonly names: readonly string[];
  /** Whether only types are imported: nothing is loaded then. */
  readonly typeOnly: boolean;
}

export interface Source {
  readonly path: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  /** Functions, classes and constants; not types. */
  readonly exports: readonly string[];
  readonly functions: readonly { readonly name: string; readonly lines: number }[];
}

const folders = ['src', 'bench', 'scripts', 'test', 'web', 'recipes', 'rtl', 'bin'];

export function readSources(): Source[] {
  return folders
    .flatMap((folder) => globSync(`${folder}/**/*.{ts,tsx,js}`, { cwd: root }))
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => !/(^|\/)(node_modules|dist|build)\/|\.as\.ts$|\.d\.ts$/.test(path))
    .sort()
    .map((path) => parse(path, readFileSync(join(root, path), 'utf8')));
}

/**
 * Everything that people wrote: sources and documents. Without those that name the words themselves, and without the
 * talks that the chat is trained on, which speak as people do.
 */
export function readTexts(): Map<string, string> {
  const paths = [...folders, 'docs'].flatMap((folder) =>
    globSync(`${folder}/**/*.{ts,tsx,js,md}`, { cwd: root }),
  );
  const written = [...paths, 'README.md', 'CHANGELOG.md', 'SECURITY.md']
    .map((path) => path.replaceAll('\\', '/'))
    .filter(
      (path) =>
        !/(^|\/)(node_modules|dist|build)\/|^test\/(tidy|fixtures)\/|^recipes\/chat\/(topics\/|plots)/.test(
          path,
        ),
    );
  return new Map(written.sort().map((path) => [path, readFileSync(join(root, path), 'utf8')]));
}

export function parse(path: string, text: string): Source {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const imports: Import[] = [];
  const exports: string[] = [];
  const functions: { name: string; lines: number }[] = [];
  const linesOf = (node: ts.Node) =>
    file.getLineAndCharacterOfPosition(node.end).line -
    file.getLineAndCharacterOfPosition(node.getStart(file)).line +
    1;
  const visit = (node: ts.Node): void => {
    collectImport(path, node, imports);
    if (isFunction(node) && node.body) functions.push({ name: nameOf(node), lines: linesOf(node) });
    ts.forEachChild(node, visit);
  };
  visit(file);
  for (const statement of file.statements) exports.push(...exportedNames(statement));
  return { path, lines: text.split('\n').length - 1, imports, exports, functions };
}

function collectImport(path: string, node: ts.Node, imports: Import[]): void {
  const add = (specifier: ts.Node | undefined, names: readonly string[], typeOnly: boolean) => {
    if (!specifier || !ts.isStringLiteralLike(specifier) || !specifier.text.startsWith('.')) return;
    imports.push({ path: posix.join(dirname(path), specifier.text), names, typeOnly });
  };
  if (ts.isImportDeclaration(node)) {
    const clause = node.importClause;
    const bindings = clause?.namedBindings;
    const elements = bindings && ts.isNamedImports(bindings) ? bindings.elements : [];
    const names = elements.map(({ propertyName, name }) => (propertyName ?? name).text);
    if (bindings && ts.isNamespaceImport(bindings)) names.push('*');
    if (clause?.name) names.push('default');
    const onlyTypes = elements.length > 0 && !clause?.name && elements.every((one) => one.isTypeOnly);
    add(node.moduleSpecifier, names, clause?.isTypeOnly === true || onlyTypes);
  } else if (ts.isExportDeclaration(node)) {
    const clause = node.exportClause;
    const elements = clause && ts.isNamedExports(clause) ? clause.elements : [];
    const names = clause ? elements.map(({ propertyName, name }) => (propertyName ?? name).text) : ['*'];
    add(node.moduleSpecifier, names, node.isTypeOnly);
  } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    add(node.arguments[0], ['*'], false);
  } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    add(node.argument.literal, ['*'], true);
  } else if (isUrlOfModule(node)) {
    add(node.arguments?.[0], ['*'], false); // new URL('./thread.js', import.meta.url)
  }
}

function isUrlOfModule(node: ts.Node): node is ts.NewExpression {
  return ts.isNewExpression(node) && node.expression.getText() === 'URL' && node.arguments?.length === 2;
}

type FunctionNode = ts.FunctionDeclaration | ts.FunctionExpression | ts.ArrowFunction | ts.MethodDeclaration;

function isFunction(node: ts.Node): node is FunctionNode {
  return (
    ts.isFunctionDeclaration(node) ||
    ts.isFunctionExpression(node) ||
    ts.isArrowFunction(node) ||
    ts.isMethodDeclaration(node)
  );
}

function nameOf(node: FunctionNode): string {
  if (node.name) return node.name.getText();
  return ts.isVariableDeclaration(node.parent) ? node.parent.name.getText() : '(anonymous)';
}

function exportedNames(statement: ts.Statement): string[] {
  if (ts.isExportDeclaration(statement)) {
    const clause = statement.exportClause;
    if (!clause || !ts.isNamedExports(clause) || statement.isTypeOnly) return [];
    return clause.elements.filter((one) => !one.isTypeOnly).map(({ name }) => name.text);
  }
  const isExported =
    ts.canHaveModifiers(statement) &&
    ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
  if (!isExported) return [];
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  }
  if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) return [];
  const { name } = statement as ts.DeclarationStatement;
  return name ? [name.getText()] : [];
}
