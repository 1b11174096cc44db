/** Version of this package: the built package reads no file, so it stands here, and a test compares it with package.json. */
export const PACKAGE_VERSION = '0.1.0';
