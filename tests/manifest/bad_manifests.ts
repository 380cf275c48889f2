/** The corpus of bad manifests: each with the exact answer of `cpra validate` beside it, in `<file>.expected.txt`. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { runValidate } from "../../src/cli/validate.ts";
import { FAKE_REGISTRIES } from "./fake_registries.ts";

const FOLDER = fileURLToPath(new URL("../testdata/manifests/bad/", import.meta.url));

export function badManifests(): string[] {
  return readdirSync(FOLDER).filter((name) => !name.endsWith(".expected.txt")).sort();
}

export function expectedPath(name: string): string {
  return `${FOLDER}${name}.expected.txt`;
}

/** What validate prints, without the folder's path, and its exit code. First lines may say `# options:` and `# env:`. */
export async function answerFor(name: string): Promise<string> {
  const text = readFileSync(`${FOLDER}${name}`, "utf8");
  const options = /^# options: (.*)$/m.exec(text)?.[1] ?? "";
  const env = Object.fromEntries(
    (/^# env: (.*)$/m.exec(text)?.[1] ?? "").split(" ").map((pair) => pair.split("=")),
  );
  const lines: string[] = [];
  const io = { out: (line: string) => lines.push(line), err: (line: string) => lines.push(line) };
  const exitCode = await runValidate({
    files: [`${FOLDER}${name}`],
    strict: options.includes("--strict"),
    lenient: options.includes("--lenient"),
    output: "text",
    registries: FAKE_REGISTRIES,
    env,
  }, io);
  return [...lines, `exit ${exitCode}`, ""].join("\n").replaceAll(FOLDER, "");
}
