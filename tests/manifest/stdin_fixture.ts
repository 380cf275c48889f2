/** Loads the manifest on standard input and prints where it came from and the monitors' names. */
import process from "node:process";
import { loadManifests } from "../../src/manifest/load.ts";
import { FAKE_REGISTRIES } from "./fake_registries.ts";

const loaded = await loadManifests(["-"], { registries: FAKE_REGISTRIES, env: {} });
process.stdout.write(`${JSON.stringify([loaded.files[0], loaded.monitors.map((each) => each.name)])}\n`);
