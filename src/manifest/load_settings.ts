/** The file of `--config`: settings alone, YAML or JSON, checked and reported like a manifest. */
import { decode } from "./chunks.ts";
import { InputError, openInput } from "./input.ts";
import { isMapping } from "./layers.ts";
import { type ProblemCounts, ProblemList } from "./problem.ts";
import { readSettingsLayer } from "./root.ts";
import { Scope } from "./scope.ts";
import { createSecretReader } from "./secret_file.ts";
import type { SettingsLayer } from "./settings.ts";
import { placeAt, wholeText } from "./source_text.ts";
import type { Environment } from "./variables.ts";
import { parseYaml } from "./yaml.ts";

const CONFIG_BYTES_MAX = 1024 * 1024;

export interface LoadedSettings extends ProblemCounts {
  /** Empty when there are errors. */
  readonly layer: SettingsLayer;
}

/** The settings stand at the root, or under `settings:` as in a manifest. */
export async function loadSettingsFile(
  name: string,
  options: { readonly env: Environment },
): Promise<LoadedSettings> {
  const problems = new ProblemList({ strict: false });
  let layer: SettingsLayer | undefined;
  try {
    layer = await readSettingsFile(name, { ...options, problems });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    problems.add({ file: name, line: 0, column: 0, severity: "error", path: "", message: error.message });
  }
  return {
    layer: problems.errorCount === 0 ? layer ?? {} : {},
    problems: problems.problems,
    errorCount: problems.errorCount,
    warningCount: problems.warningCount,
  };
}

async function readSettingsFile(
  name: string,
  options: { readonly env: Environment; readonly problems: ProblemList },
): Promise<SettingsLayer | undefined> {
  const { env, problems } = options;
  const input = await openInput(name);
  if (input.diskBytes > CONFIG_BYTES_MAX) throw new InputError(`larger than ${CONFIG_BYTES_MAX >> 20} MiB`);
  const parts: Uint8Array[] = [];
  for await (const part of input.bytes({ start: 0, end: CONFIG_BYTES_MAX })) parts.push(part);
  const source = wholeText({
    file: input.name,
    text: decode(await new Blob(parts as BlobPart[]).bytes(), 1),
  });
  const parsed = parseYaml(source.text);
  if (!parsed.ok) {
    problems.add({ ...placeAt(source, parsed.offset), severity: "error", path: "", message: parsed.message });
    return undefined;
  }
  const [document, second] = parsed.documents;
  if (document === undefined) return {};
  if (second !== undefined) throw new InputError("holds several documents; expected one");
  const scope = new Scope({
    problems,
    layers: [{ value: document.value, source, offsetOf: document.offsetOf, origin: "" }],
    isProbeName: () => false,
    env,
    secretReader: createSecretReader(),
    folder: input.folder,
  });
  if (document.value === null) return {};
  const root = document.value;
  const path = isMapping(root) && Object.keys(root).length === 1 && Object.hasOwn(root, "settings")
    ? ["settings"]
    : [];
  const value = isMapping(root) && path.length === 1 ? root.settings : root;
  return readSettingsLayer(scope, scope.expand(value, path), path);
}
