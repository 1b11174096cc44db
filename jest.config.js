// One project per kind of test, so that `--selectProjects e2e` runs one kind and a plain run runs all.
const base = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  // Types are checked by `npm run types`; here they are only stripped (isolatedModules).
  transform: { '^.+\\.ts$': ['ts-jest', { useESM: true, tsconfig: '<rootDir>/tsconfig.json', diagnostics: false }] },
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    '^nestjs-task-queue$': '<rootDir>/src/index.ts',
    '^nestjs-task-queue/testing$': '<rootDir>/src/testing/index.ts',
    '^nestjs-task-queue/terminus$': '<rootDir>/src/terminus/index.ts',
    '^nestjs-task-queue/dashboard$': '<rootDir>/src/dashboard/index.ts',
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/build/'],
  setupFiles: ['reflect-metadata'],
};

// These get one private redis-server for the whole run, at TEST_REDIS_URL. Each test uses a key prefix of its own.
const redis = {
  globalSetup: '<rootDir>/test/support/shared-redis.setup.mjs',
  globalTeardown: '<rootDir>/test/support/shared-redis.teardown.mjs',
};

const project = (name, extra = {}) => ({
  ...base,
  ...extra,
  displayName: name,
  testMatch: [`<rootDir>/test/${name}/**/*.spec.ts`],
});

export default {
  projects: [
    project('unit'),
    project('property', redis),
    project('contract', redis),
    project('redis', redis),
    project('e2e', redis),
    project('docs', redis),
    project('dashboard'),
  ],
  maxWorkers: 2,
  testTimeout: 20_000,
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/**/*.ts'],
};
