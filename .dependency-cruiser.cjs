// Who may import whom. The picture is in CONTRIBUTING.md: `core` ← every folder ← the module file.
const FOLDERS = ['redis', 'memory', 'queue', 'worker', 'scheduler', 'discovery', 'decorators'];

// Beside its own files and core, a folder may import these.
const ALSO = {
  redis: ['task-queue\\.given-client\\.ts$'],
  queue: ['task-queue\\.(constants|options|((job|schedule)-)?options-reader)\\.ts$'],
  worker: ['task-queue\\.(constants|options|((job|schedule)-)?options-reader)\\.ts$'],
  scheduler: ['task-queue\\.(constants|options|((job|schedule)-)?options-reader)\\.ts$'],
  discovery: ['decorators/', 'task-queue\\.(constants|guarded-logger|options|((job|schedule)-)?options-reader)\\.ts$'],
  decorators: ['task-queue\\.(constants|options|((job|schedule)-)?options-reader)\\.ts$'],
};

const zone = (folder) => ({
  name: `zone-${folder}`,
  comment: `src/${folder} knows src/core, and no other folder. Let the module file bring them together.`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: {
    path: '^src/',
    pathNot: [`^src/(core|${folder})/`, ...(ALSO[folder] ?? []).map((path) => `^src/${path}`)],
  },
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
        'core has no Nest, no ioredis, no timers (but the file that names those of Node itself): only itself, croner, and the types of Standard Schema and rxjs.',
      severity: 'error',
      from: { path: '^src/core/', pathNot: '^src/core/real-timers\\.ts$' },
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
    ...FOLDERS.map(zone),
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
      name: 'only-the-module-knows-all',
      comment:
        'Files beside the folders are constants and options, except the module file, its definition and the index.',
      severity: 'error',
      from: {
        path: '^src/[^/]+\\.ts$',
        pathNot:
          '^src/(task-queue\\.(module|core-module|module-definition|lifecycle|broker-opener|instance-schedules)|index)\\.ts$',
      },
      to: { path: `^src/(${FOLDERS.join('|')}|testing)/` },
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
      comment: 'What src imports must be a dependency or a peer, or users lack it.',
      severity: 'error',
      from: { path: '^src/' },
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
