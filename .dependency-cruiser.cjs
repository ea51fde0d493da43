/**
 * The arrows of the house (ARCHITECTURE.md): every layer names the layers that it may import, and nothing else.
 * A layer that is not listed under a name is out of reach for it.
 */
const mayImport = {
  core: [],
  encoding: ['core'],
  machine: ['core', 'encoding'],
  identity: ['encoding'],
  storage: ['core', 'encoding', 'identity'],
  transport: ['core', 'encoding', 'identity', 'machine'],
  group: ['core', 'encoding', 'machine', 'storage', 'transport'],
  simulation: ['core', 'encoding', 'machine', 'storage', 'transport', 'group'],
  host: ['core', 'encoding', 'identity', 'machine', 'storage', 'transport', 'group'],
  node: ['core', 'encoding', 'identity', 'machine', 'storage', 'transport', 'group', 'host'],
  react: ['host'],
  testing: ['core', 'encoding', 'storage', 'transport'],
};

/** Contracts and pure helpers: the files of a layer that `group` may know. The concrete adapters are chosen in `host`. */
const contractsForGroup = ['storage/storage', 'transport/transport', 'transport/messages'];

/** The vocabulary that every layer but the core shares: errors and ids. */
const vocabulary = '^src/(errors|ids)\\.ts$';

/** What the client of the broker and the broker have in common. */
const protocol = '^signaling-server/protocol\\.ts$';

const layers = Object.entries(mayImport).map(([layer, others]) => ({
  name: `${layer}-arrows`,
  comment: `src/${layer} may import only ${['itself', ...others].join(', ')}`,
  severity: 'error',
  from: { path: `^src/${layer}/` },
  to: {
    path: '^(src|demo|signaling-server)/',
    pathNot: [
      `^src/(${[layer, ...others].join('|')})/`,
      ...(layer === 'core' ? [] : [vocabulary]),
      ...(layer === 'transport' ? [protocol] : []),
    ],
  },
}));

module.exports = {
  forbidden: [
    ...layers,
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'pure-layers-have-no-packages',
      comment: 'core and group are free of I/O: no package and no Node module',
      severity: 'error',
      from: { path: '^src/(core|group)/' },
      to: { dependencyTypes: ['npm', 'npm-dev', 'core'] },
    },
    {
      name: 'group-knows-contracts-only',
      severity: 'error',
      from: { path: '^src/group/' },
      to: { path: '^src/(storage|transport)/', pathNot: `^src/(${contractsForGroup.join('|')})\\.ts$` },
    },
    {
      name: 'library-has-no-node',
      comment: 'the library runs in a browser: Node modules belong to the Node edge, signaling-server and scripts',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(node/|storage/level)' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'level-is-for-node',
      comment: 'LevelDB is chosen by the Node edge alone: everything else runs in a browser too',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(node/|storage/level)' },
      to: { path: '^src/storage/level' },
    },
    {
      name: 'broker-knows-nothing-of-raft',
      severity: 'error',
      from: { path: '^signaling-server/' },
      to: { path: '^src/' },
    },
    {
      name: 'demo-uses-the-public-face',
      severity: 'error',
      from: { path: '^demo/' },
      to: { path: '^src/', pathNot: '^src/(index|machines|react/index)\\.ts$' },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'default'] },
  },
};
