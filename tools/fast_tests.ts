/** Tests that keep to themselves (no port, no other program that lasts): they run side by side. */
export const FAST_TESTS: readonly string[] = [
  "tests/tidy_test.ts",
  "tests/base",
  "tests/model",
  "tests/shm",
  "tests/world",
  "tests/sizing",
  "tests/manifest",
  "tests/engine",
  "tests/telemetry",
  "tests/lanes",
  "tests/journal",
  "tests/simulation",
];
