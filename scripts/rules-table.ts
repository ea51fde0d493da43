/**
 * `npm run rules`: writes test/README.md, which says for each rule of docs/rules.md where it is tested. The tests
 * themselves say it, by the rules that their titles begin with; a bug that others shipped is tested where a title names one
 * of its threads. With `--check` nothing is written: it fails when the page is out of date, or when something is tested
 * nowhere and not excused below.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import ts from 'typescript';
import { commandLine, flag } from './command-line.ts';

const help = `Usage: npm run rules -- [--check]

Writes test/README.md: where each rule is tested.

  --check  writes nothing, and fails when the page is out of date or a rule is tested nowhere`;

const { check: isCheck } = commandLine(help, { check: flag });

/** What no test can show yet, and which issue will. An entry whose time has come fails the check. */
const notYet: Readonly<Record<string, readonly string[]>> = {};

interface Rule {
  readonly id: string;
  readonly text: string;
  /** Threads of other projects, for a bug. */
  readonly threads: readonly string[];
}

interface Test {
  readonly file: string;
  readonly title: string;
  readonly ids: ReadonlySet<string>;
}

const page = 'test/README.md';

function readRules(): Rule[] {
  const rows = readFileSync('docs/rules.md', 'utf8').matchAll(/^\| ([A-Z]\d+) +\| (.*?) +\|$/gm);
  return [...rows].map(([, id = '', text = '']) => ({
    id,
    text,
    threads: text.match(/[\w./-]+#\d+|openraft \w{8}/g) ?? [],
  }));
}

function testFiles(): string[] {
  const roots = ['test', 'src/testing', 'e2e'];
  return roots
    .flatMap((root) => readdirSync(root, { recursive: true, encoding: 'utf8' }).map((name) => `${root}/${name}`))
    .filter((name) => /\.(test|spec)\.ts$|acceptance\.ts$/.test(name))
    .sort();
}

/** The ids that a title begins with. */
function idsOf(title: string): string[] {
  return (/^(?:[A-Z]\d+ )+/.exec(title)?.[0] ?? '').split(' ').filter((id) => id !== '');
}

function testsIn(file: string): Test[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const tests: Test[] = [];
  const visit = (node: ts.Node, outer: readonly string[]): void => {
    const call = ts.isCallExpression(node) ? asTest(node) : null;
    if (call === null) {
      ts.forEachChild(node, (child) => {
        visit(child, outer);
      });
      return;
    }
    if (call.isGroup) {
      call.body.forEach((child) => {
        visit(child, [...outer, call.title]);
      });
      return;
    }
    const titles = call.title.startsWith('%s') ? namesOfRows(call.rows, source) : [call.title];
    for (const title of titles) {
      const ids = new Set([...outer, title].flatMap(idsOf));
      tests.push({ file, title: [...outer, title].join(' › ').replaceAll(/%[sij]/g, '…'), ids });
    }
  };
  visit(source, []);
  return tests;
}

interface Call {
  readonly title: string;
  readonly isGroup: boolean;
  readonly body: readonly ts.Node[];
  /** Of `test.each(rows)`. */
  readonly rows: ts.Expression | undefined;
}

/** `test(title, ...)`, `describe(title, ...)`, `test.each(rows)(title, ...)` and the like; null for anything else. */
function asTest(node: ts.CallExpression): Call | null {
  const [title, ...body] = node.arguments;
  if (title === undefined || !ts.isStringLiteralLike(title)) return null;
  const callee = ts.isCallExpression(node.expression) ? node.expression : undefined;
  const name = /^(test|describe|accept)\b/.exec((callee ?? node).expression.getText())?.[1];
  if (name === undefined) return null;
  return { title: title.text, isGroup: name === 'describe', body, rows: callee?.arguments[0] };
}

/** The first string of each row: of a literal table, or of one that has a name in the same file. */
function namesOfRows(rows: ts.Expression | undefined, source: ts.SourceFile): string[] {
  if (rows === undefined) return [];
  if (ts.isIdentifier(rows)) {
    for (const statement of source.statements.filter(ts.isVariableStatement)) {
      const found = statement.declarationList.declarations.find(({ name }) => name.getText() === rows.text);
      if (found !== undefined) return namesOfRows(found.initializer, source);
    }
    return [];
  }
  if (!ts.isArrayLiteralExpression(rows)) return [];
  return rows.elements.flatMap((row) => {
    const first = ts.isArrayLiteralExpression(row) ? row.elements[0] : row;
    return first !== undefined && ts.isStringLiteralLike(first) ? [first.text] : [];
  });
}

function isTestOf({ id, threads }: Rule): (test: Test) => boolean {
  return ({ ids, title }) => ids.has(id) || threads.some((thread) => mentions(title, thread));
}

function mentions(title: string, thread: string): boolean {
  const at = title.indexOf(thread);
  return at >= 0 && !/\d/.test(title[at + thread.length] ?? '');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('*', '\\*').replaceAll('_', '\\_');
}

const rules = readRules();
const tests = testFiles().flatMap(testsIn);
const excuses = new Map(Object.entries(notYet).flatMap(([reason, ids]) => ids.map((id) => [id, reason])));
const problems: string[] = [];
const rows: string[] = [];
for (const rule of rules) {
  const found = tests.filter(isTestOf(rule));
  const excuse = excuses.get(rule.id);
  if (found.length === 0 && excuse === undefined) problems.push(`${rule.id} has no test: ${rule.text}`);
  if (found.length > 0 && excuse !== undefined)
    problems.push(`${rule.id} has a test: take it off the list in this script`);
  const files = [...new Set(found.map(({ file }) => file))];
  const places = files.map((file) => {
    const titles = found.filter((test) => test.file === file).map(({ title }) => cell(title));
    return `[${file}](../${file}): ${titles.join('; ')}`;
  });
  rows.push(`| ${rule.id} | ${places.length > 0 ? places.join('<br>') : `not yet (${excuse ?? 'nowhere'})`} |`);
}
for (const id of excuses.keys()) if (!rules.some((rule) => rule.id === id)) problems.push(`${id} is no rule`);
const ids = new Set(rules.map(({ id }) => id));
for (const test of tests) {
  for (const id of test.ids) if (!ids.has(id)) problems.push(`${test.file}: ${test.title}: there is no rule ${id}`);
}

const text = `# The tests

\`npx vitest run\` runs them all, \`npx vitest run -t "D3 "\` those of one rule, \`npm run e2e\` those in a browser.
They mirror \`src\`; the scenarios in \`test/core\` read like stories, and are a way to learn the protocol.

Where each rule of [docs/rules.md](../docs/rules.md) is tested, and each bug that others shipped. This page is written by
\`npm run rules\` from the titles of the tests.

<!-- prettier-ignore -->
| rule | tests |
| --- | --- |
${rows.join('\n')}
`;
const formatted = await format(text, { ...(await resolveConfig(page)), filepath: page });
if (!isCheck) writeFileSync(page, formatted);
else if (readOrEmpty(page) !== formatted) problems.push(`${page} is out of date: npm run rules`);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
if (!isCheck)
  console.log(`${rules.length} rules and bugs, ${excuses.size} of them not tested yet, in ${tests.length} tests`);

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
