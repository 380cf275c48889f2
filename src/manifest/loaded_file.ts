/** The first pass over one file: what stands beside its monitors goes into the sections; where they are is remembered. */
import { type ManifestDocument, readDocuments, type WholeBudget } from "./documents.ts";
import { typeWord } from "./found_value.ts";
import { type InputFile, openInput } from "./input.ts";
import { isMapping } from "./layers.ts";
import type { ProblemList } from "./problem.ts";
import { readRoot, type RootKinds, type RootSections } from "./root.ts";
import { type Layer, Scope } from "./scope.ts";
import type { SecretReader } from "./secret_file.ts";
import { placeAt } from "./source_text.ts";
import type { Environment } from "./variables.ts";

export interface LoadedFile {
  readonly input: InputFile;
  readonly documents: readonly ManifestDocument[];
  readonly defaults: Layer | undefined;
}

export interface FileReader {
  readonly kinds: RootKinds;
  readonly problems: ProblemList;
  readonly sections: RootSections;
  readonly budget: WholeBudget;
  readonly env: Environment;
  readonly secretReader: SecretReader;
}

/** Throws InputError. */
export async function readFileRoots(name: string, reader: FileReader): Promise<LoadedFile> {
  const input = await openInput(name);
  reader.problems.nameFile(input.name);
  const documents = input.format === "jsonl" ? [] : await readDocuments(input, reader);
  let defaults: Layer | undefined;
  for (const document of documents) {
    const { value } = document.document;
    if (!isMapping(value)) {
      if (!Array.isArray(value) && value !== null) refuseRoot(reader, document);
      continue;
    }
    const scope = rootScope(reader, input, document);
    const found = readRoot(scope, reader.kinds, { root: value, into: reader.sections });
    if (found !== undefined && defaults !== undefined) {
      scope.report(["defaults"], "a file has one defaults; this is the second", { at: "key" });
    }
    defaults ??= found;
  }
  return { input, documents, defaults };
}

function refuseRoot(reader: FileReader, { document, source }: ManifestDocument): void {
  const found = typeWord(document.value);
  const message = `found ${found}, expected a mapping with monitors, or a list of monitors`;
  const place = placeAt(source, document.offsetOf([], "value") ?? 0);
  reader.problems.add({ ...place, severity: "error", path: "", message });
}

function rootScope(reader: FileReader, input: InputFile, { document, source }: ManifestDocument): Scope {
  return new Scope({
    problems: reader.problems,
    layers: [{ value: document.value, source, offsetOf: document.offsetOf, origin: "" }],
    isProbeName: reader.kinds.catalog.isProbeName,
    env: reader.env,
    secretReader: reader.secretReader,
    folder: input.folder,
  });
}
