// Who may import whom. The picture is in CONTRIBUTING.md: core ← schedules/rule ← options ← the rooms ← module.
/** Beside its own files, each folder may import these. A folder that is not listed here may import all. */
const MAY_IMPORT = {
  core: [],
  process: [],
  'schedules/rule': ['core'],
  options: ['core', 'schedules/rule'],
  decorators: ['core', 'schedules/rule', 'options'],
  redis: ['core', 'process'],
  memory: ['core', 'process'],
  inspector: ['core', 'process', 'options', 'duties', 'queue'],
  queue: ['core', 'process', 'options', 'inspector'],
  alerts: ['core', 'options', 'duties', 'inspector'],
  worker: ['core', 'process', 'options'],
  duties: ['core', 'process', 'options'],
  schedules: ['core', 'process', 'options', 'duties', 'queue'],
  discovery: ['core', 'process', 'schedules/rule', 'options', 'decorators'],
  dashboard: ['core', 'process', 'options', 'queue', 'schedules', 'discovery', 'inspector'],
};

/** What a browser compiles, too. */
const WIRE = '^src/dashboard/wire(-models|-live|-operations)?\\.ts$';

const zone = ([folder, others]) => ({
  name: `zone-${folder.replace('/', '-')}`,
  comment: `src/${folder} imports ${['its own files', ...others].join(', ')}. Let src/module bring the rooms together.`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: { path: '^src/', pathNot: [folder, ...others].map((path) => `^src/${path}/`) },
});

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Move what both need into a file of its own.',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true },
    },
    {
      name: 'core-is-pure',
      comment:
        'core has no Nest, no ioredis and no timers: only itself, croner, and the types of Standard Schema and rxjs.',
      severity: 'error',
      from: { path: '^src/core/' },
      to: {
        pathNot: [
          '^src/core/',
          'node_modules/croner/',
          'node_modules/@standard-schema/spec/',
          'node_modules/rxjs/',
          '^(node:)?(async_hooks|crypto|buffer|util|url|zlib)$',
        ],
      },
    },
    ...Object.entries(MAY_IMPORT).map(zone),
    {
      name: 'the-wire-imports-nothing',
      comment: 'A browser compiles it, too.',
      severity: 'error',
      from: { path: WIRE },
      to: { pathNot: WIRE },
    },
    {
      name: 'pages-know-the-wire-alone',
      comment:
        'The pages of the dashboard run in browsers: of src they import only what is said between browser and server.',
      severity: 'error',
      from: { path: '^src/dashboard/ui/' },
      to: { path: '^src/', pathNot: ['^src/dashboard/ui/', '^src/dashboard/wire'] },
    },
    {
      name: 'only-the-build-reads-pages',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/dashboard/ui/' },
      to: { path: '^src/dashboard/ui/' },
    },
    {
      name: 'only-redis-imports-ioredis',
      comment: 'The client stays behind one narrow folder. Options may name its types.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/redis/' },
      to: { path: 'node_modules/ioredis/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'nothing-imports-the-index',
      comment: 'src/index.ts is for users. Inside, import the file that holds the thing.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/index\\.ts$' },
      to: { path: '^src/index\\.ts$' },
    },
    {
      name: 'src-imports-no-tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|sample-app|scripts)/' },
    },
    {
      name: 'resolvable',
      comment: 'bullmq is installed by the bench and the fault suite, for themselves.',
      severity: 'error',
      from: { path: '^(src|test)/' },
      to: { couldNotResolve: true, pathNot: '^bullmq$' },
    },
    {
      name: 'declared-dependencies',
      comment:
        'What src imports must be a dependency or a peer, or users lack it. The pages of the dashboard are built.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/dashboard/ui/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['npm', 'npm-peer'] },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
