import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

/** One import, export-from or dynamic import of a file. */
export interface ImportOfFile {
  /** Path of the imported file from the project's root where it is ours, else the name of the package. */
  readonly target: string;
  readonly isOurs: boolean;
  /** Erased by the compiler: nothing is loaded. */
  readonly isTypeOnly: boolean;
}

export const projectRoot = findProjectRoot(dirname(fileURLToPath(import.meta.url)));

/** Files below the folders whose name ends so, as paths from the root with forward slashes; generated code left out. */
export function listFiles(folders: readonly string[], ends: readonly string[]): string[] {
  return folders
    .filter((folder) => existsSync(join(projectRoot, folder)))
    .flatMap((folder) => readdirSync(join(projectRoot, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && ends.some((end) => entry.name.endsWith(end)))
    .map((entry) => relative(projectRoot, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((path) => !path.includes("/gen/"))
    .sort();
}

export function readProjectFile(path: string): string {
  return readFileSync(join(projectRoot, path), "utf8");
}

export function importsOf(path: string, text: string): ImportOfFile[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, false);
  const found: ImportOfFile[] = [];
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node);
    if (specifier !== undefined) found.push({ ...resolveImport(path, specifier), isTypeOnly: isErased(node) });
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function specifierOf(node: ts.Node): string | undefined {
  if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
    return ts.isStringLiteral(node.moduleSpecifier) ? node.moduleSpecifier.text : undefined;
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
    return node.argument.literal.text;
  }
  const isCall = ts.isCallExpression(node) && (node.expression.kind === ts.SyntaxKind.ImportKeyword || isRequire(node.expression));
  const first = isCall ? node.arguments[0] : undefined;
  return first !== undefined && ts.isStringLiteral(first) ? first.text : undefined;
}

function isRequire(expression: ts.Expression): boolean {
  return ts.isIdentifier(expression) && expression.text === "require";
}

// With verbatimModuleSyntax only declarations marked `type` as a whole disappear from the output.
function isErased(node: ts.Node): boolean {
  if (ts.isImportTypeNode(node)) return true;
  if (ts.isImportDeclaration(node)) return node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
  return ts.isExportDeclaration(node) && node.isTypeOnly;
}

function resolveImport(from: string, specifier: string): { target: string; isOurs: boolean } {
  if (specifier.startsWith(".")) {
    const target = join(dirname(from), specifier).split(sep).join("/");
    return { target: target.replace(/\.js$/, ".ts"), isOurs: true };
  }
  const parts = specifier.split("/");
  return { target: specifier.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? specifier), isOurs: false };
}

function findProjectRoot(start: string): string {
  let folder = start;
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}
