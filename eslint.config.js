import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

/** What the deterministic part may not touch: its clock, randomness and I/O are injected. */
const impureGlobals = [
  'Date',
  'crypto',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'requestAnimationFrame',
  'fetch',
  'WebSocket',
  'indexedDB',
  'navigator',
  'window',
  'document',
  'globalThis',
  'process',
  'console',
  'Promise',
];

export default tseslint.config(
  { ignores: ['dist', 'coverage', 'test-results', 'node_modules'] },
  eslint.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['*.js', '.*.cjs'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      // isolatedDeclarations wants exported types on the left, everything else reads better with them on the right.
      '@typescript-eslint/consistent-generic-constructors': 'off',
      'no-console': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['src/core/**', 'src/group/**', 'src/machine/**'],
    rules: {
      'no-restricted-globals': ['error', ...impureGlobals],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: 'Randomness is injected.' }],
    },
  },
  // Playwright reads from the pattern which fixtures a fixture wants.
  { files: ['e2e/**'], rules: { 'no-empty-pattern': ['error', { allowObjectPatternsAsParameters: true }] } },
  { files: ['scripts/**', 'signaling-server/cli.ts', 'bench/**'], rules: { 'no-console': 'off' } },
  {
    files: ['scripts/**', 'bench/**'],
    ignores: ['scripts/command-line.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { name: 'node:util', importNames: ['parseArgs'], message: 'All commands share scripts/command-line.ts.' },
      ],
    },
  },
  {
    files: ['**/*.js', '**/*.cjs'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: { module: 'writable' } },
  },
);
