/** `npm test`: everything there is to check, and at the end how much that was. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';

interface Step {
  readonly name: string;
  readonly command: readonly string[];
  /** Says what ran, once it has. */
  readonly summary: () => string;
}

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
}

interface PlaywrightReport {
  readonly stats: {
    readonly expected: number;
    readonly unexpected: number;
    readonly flaky: number;
    readonly skipped: number;
  };
}

interface SimulationReport {
  readonly seeds: number;
  readonly steps: number;
  readonly operationsChecked: number;
  readonly violations: readonly unknown[];
  readonly vacuous: readonly unknown[];
}

const results = 'test-results';
const unitReport = `${results}/unit.json`;
const simulationReport = `${results}/simulation.json`;
const browserReport = `${results}/e2e.json`;

function read(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

const steps: readonly Step[] = [
  {
    name: 'check',
    command: ['npm', 'run', '--silent', 'check'],
    summary: () => 'types, lint, format, layers and unused code',
  },
  {
    name: 'unit tests',
    command: ['npx', 'vitest', 'run', '--reporter=dot', '--reporter=json', `--outputFile.json=${unitReport}`],
    summary: () => {
      const { numPassedTests, numFailedTests, numPendingTests } = read(unitReport) as VitestReport;
      return `${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`;
    },
  },
  {
    name: 'simulation',
    command: [
      'node',
      '--import',
      'tsx',
      'scripts/simulate.ts',
      '--seeds',
      '100',
      '--from',
      '1',
      '--out',
      simulationReport,
    ],
    summary: () => {
      const { seeds, steps, operationsChecked, violations, vacuous } = read(simulationReport) as SimulationReport;
      const wrong = `${violations.length} violations, ${vacuous.length} without a test`;
      return `${seeds} seeds, ${steps} events, ${operationsChecked} operations checked, ${wrong}`;
    },
  },
  {
    name: 'browser tests',
    command: ['npm', 'run', '--silent', 'e2e'],
    summary: () => {
      const { expected, unexpected, flaky, skipped } = (read(browserReport) as PlaywrightReport).stats;
      return `${expected} passed, ${unexpected} failed, ${flaky} flaky, ${skipped} skipped`;
    },
  },
];

function summarize(step: Step): string {
  try {
    return step.summary();
  } catch {
    return 'did not get as far as a report';
  }
}

rmSync(results, { recursive: true, force: true });
mkdirSync(results);
const lines: string[] = [];
let hasFailed = false;
for (const step of steps) {
  console.log(`\n── ${step.name}\n`);
  const [command = '', ...args] = step.command;
  const start = performance.now();
  const isOk = spawnSync(command, args, { stdio: 'inherit' }).status === 0;
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  lines.push(`${isOk ? 'ok    ' : 'FAILED'}  ${step.name}: ${summarize(step)} (${seconds} s)`);
  hasFailed ||= !isOk;
}
console.log(`\n${lines.join('\n')}`);
process.exit(hasFailed ? 1 : 0);
