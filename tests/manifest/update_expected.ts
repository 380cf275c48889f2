/**
 * Writes the expected answers of the bad manifests anew: `deno task test:update`, or
 * `deno run -A tests/manifest/update_expected.ts`. Read the difference before committing it: it is what users will read.
 */
import { writeFileSync } from "node:fs";
import { answerFor, badManifests, expectedPath } from "./bad_manifests.ts";

for (const name of badManifests()) writeFileSync(expectedPath(name), await answerFor(name));
