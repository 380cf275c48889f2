/** The version cpra says of itself; tests/base/version_test.ts holds it against package.json. */
export const VERSION = "0.1.0";
