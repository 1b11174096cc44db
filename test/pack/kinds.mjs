// Apps as users have them. Each workspace is installed once; its kinds run in it, each with the flags, configuration and
// bundler that its users have.
export const NEST_12 = {
  folder: 'nest12',
  type: 'module',
  dependencies: {
    '@nestjs/common': '^12.0.0',
    '@nestjs/core': '^12.0.0',
    '@nestjs/platform-express': '^12.0.0',
    ioredis: '^6.0.0',
    'reflect-metadata': '^0.2.0',
    rxjs: '^7.8.0',
  },
  devDependencies: {
    '@jest/globals': '^30.0.0',
    '@nestjs/testing': '^12.0.0',
    '@swc/core': '^1.10.0',
    '@types/jest': '^30.0.0',
    '@types/node': '^20.0.0',
    jest: '^30.0.0',
    'ts-jest': '^29.4.0',
    typescript: '~6.0.0',
    'unplugin-swc': '^1.5.0',
    vitest: '^3.2.0',
  },
  tsconfig: {
    target: 'ES2022',
    module: 'nodenext',
    strict: true,
    isolatedModules: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    types: ['node', 'jest'],
    skipLibCheck: false, // our own .d.ts files are what this checks
    outDir: 'dist',
    rootDir: 'src',
  },
  files: {
    // As docs/guides/testing.md says.
    'jest.config.js': `export default {
  rootDir: 'src', testEnvironment: 'node', testRegex: 'jest\\\\.spec\\\\.ts$', extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\\\.ts$': ['ts-jest', { useESM: true }] }, moduleNameMapper: { '^(\\\\.{1,2}/.*)\\\\.js$': '$1' },
};`,
    'vitest.config.ts': `import swc from 'unplugin-swc';
import { defineConfig } from 'vitest/config';
export default defineConfig({
  test: { globals: true, include: ['src/vitest.spec.ts'] }, plugins: [swc.vite({ module: { type: 'es6' } })],
});`,
  },
  specs: {
    'jest.spec.ts': "import { jest } from '@jest/globals';",
    'vitest.spec.ts': "import { vi as jest } from 'vitest';",
  },
  kinds: [
    { name: 'tsc', run: ['dist/main.js'] },
    { name: 'tsc on Redis', run: ['dist/main.js'], redis: true },
    { name: 'Jest, ES modules', run: ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js'] },
    { name: 'Vitest with swc', run: ['node_modules/vitest/vitest.mjs', 'run'] },
    { name: 'tsc on Redis', run: ['dist/main.js'], redis: true, node: 22 },
    { name: 'tsc on Redis', run: ['dist/main.js'], redis: true, node: 24 },
    { name: 'tsc on Redis', run: ['dist/main.js'], redis: true, node: 26 },
    { name: 'Vitest with swc', run: ['node_modules/vitest/vitest.mjs', 'run'], node: 26 },
  ],
};

/** What Nest loads where it is installed, and a bundle cannot have. */
const OPTIONAL = ['@nestjs/microservices', '@nestjs/websockets', 'class-transformer', 'class-validator'];
const esbuild = (format, file, ...flags) => [
  ...['node_modules/esbuild/bin/esbuild', 'dist/main.js', '--bundle', '--platform=node', '--target=node20', '--minify'],
  ...[`--format=${format}`, `--outfile=bundle/${file}`, '--log-level=warning', ...flags],
  ...OPTIONAL.flatMap((name) => [`--external:${name}`, `--external:${name}/*`]),
];
/** Since TypeScript 5.8 \`nodenext\` finds ES modules from CommonJS; before there were these. */
const typesBy = (typescript, module, moduleResolution) => ({
  name: `types by ${typescript}, ${module}, ${moduleResolution}`,
  run: [
    ...[`node_modules/${typescript}/bin/tsc`, '--noEmit', '--target', 'es2022', '--module', module],
    ...['--moduleResolution', moduleResolution, '--incremental', 'false', '--resolvePackageJsonExports'],
    moduleResolution === 'bundler' ? 'true' : 'false',
  ],
});
const permission = (flag, ...more) => [flag, '--allow-fs-read=*', ...more, 'dist/main.js'];

export const NEST_11 = {
  folder: 'nest11',
  dependencies: { ...NEST_12.dependencies, ioredis: '^5.8.0', ...nest(11, 'common', 'core', 'platform-express') },
  devDependencies: {
    ...nest(11, 'testing'),
    '@types/jest': '^30.0.0',
    '@types/node': '^20.0.0',
    esbuild: '^0.28.0',
    jest: '^30.0.0',
    'ts-jest': '^29.4.0',
    'ts-loader': '^9.5.0',
    typescript: '~5.9.0',
    typescript50: 'npm:typescript@~5.0.0',
    typescript54: 'npm:typescript@~5.4.0',
    webpack: '^5.100.0',
    'webpack-node-externals': '^3.0.0',
  },
  // As `nest new` of Nest 11 writes it.
  tsconfig: {
    module: 'nodenext',
    moduleResolution: 'nodenext',
    resolvePackageJsonExports: true,
    esModuleInterop: true,
    isolatedModules: true,
    declaration: true,
    removeComments: true,
    emitDecoratorMetadata: true,
    experimentalDecorators: true,
    allowSyntheticDefaultImports: true,
    target: 'ES2022',
    sourceMap: true,
    outDir: './dist',
    rootDir: './src',
    skipLibCheck: true,
    strictNullChecks: true,
    noImplicitAny: false,
    types: ['node', 'jest'],
  },
  files: {
    'jest.config.json': JSON.stringify({
      moduleFileExtensions: ['js', 'json', 'ts'],
      rootDir: 'src',
      testRegex: '.*\\.spec\\.ts$',
      transform: { '^.+\\.(t|j)s$': 'ts-jest' },
      testEnvironment: 'node',
    }),
    // The way of @nestjs/cli: everything of node_modules stays outside; and the same with this package inside of it.
    'webpack.run.cjs': `const webpack = require('webpack');
const nodeExternals = require('webpack-node-externals');
const config = (filename, allowlist) => ({
  entry: './src/main.ts', target: 'node', mode: 'none', optimization: { nodeEnv: false }, externalsPresets: { node: true },
  externals: [nodeExternals({ allowlist })], output: { filename, path: __dirname + '/bundle' },
  module: { rules: [{ test: /\\.ts$/, loader: 'ts-loader', options: { transpileOnly: true }, exclude: /node_modules/ }] },
  resolve: { extensions: ['.ts', '.js'] },
});
webpack([config('outside.js', []), config('inside.js', [/^nestjs-task-queue/, /^croner/])], (error, stats) => {
  if (error || stats.hasErrors()) throw error ?? new Error(stats.toString());
});`,
  },
  specs: { 'app.spec.ts': '' },
  kinds: [
    { name: 'tsc, CommonJS', run: ['dist/main.js'] },
    { name: 'tsc, CommonJS on Redis', run: ['dist/main.js'], redis: true },
    { name: 'webpack', run: ['webpack.run.cjs'] },
    { name: 'webpack’s bundle on Redis', run: ['bundle/outside.js'], redis: true },
    { name: 'webpack’s bundle with this package inside, on Redis', run: ['bundle/inside.js'], redis: true },
    { name: 'esbuild to CommonJS', command: esbuild('cjs', 'all.cjs') },
    { name: 'esbuild’s CommonJS on Redis', run: ['bundle/all.cjs'], redis: true },
    {
      name: 'esbuild to ES modules',
      command: esbuild(
        ...['esm', 'all.mjs'],
        "--banner:js=import{createRequire}from'node:module';const require=createRequire(import.meta.url);",
      ),
    },
    { name: 'esbuild’s ES module on Redis', run: ['bundle/all.mjs'], redis: true },
    {
      name: 'Jest, CommonJS, transformIgnorePatterns',
      run: ['node_modules/jest/bin/jest.js', '--transformIgnorePatterns', 'node_modules/(?!nestjs-task-queue/)'],
    },
    {
      name: 'Jest, CommonJS, the flag alone',
      run: ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js'],
      node: 24,
    },
    typesBy('typescript50', 'commonjs', 'node'),
    typesBy('typescript54', 'commonjs', 'node10'),
    typesBy('typescript54', 'es2022', 'bundler'),
    {
      name: 'permission model, no threads',
      run: permission('--permission', '--allow-net'),
      redis: true,
      node: 26,
      env: { NO_THREAD: '1' },
    },
    {
      name: 'permission model with threads',
      run: permission('--permission', '--allow-net', '--allow-worker'),
      redis: true,
      node: 26,
    },
  ],
};

function nest(major, ...names) {
  return Object.fromEntries(names.map((name) => [`@nestjs/${name}`, `^${major}.0.0`]));
}
