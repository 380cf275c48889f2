/**
 * One file → its parsed roots, with the lists of monitors either in them (small or uncuttable files) or left out and
 * named by their byte range (everything else). What is returned is small, or bounded by WHOLE_BYTES_MAX over all files.
 */
import { aliasFault } from "./alias_weight.ts";
import { decode } from "./chunks.ts";
import { type CutPlan, type ItemsRange, planCuts } from "./cut_plan.ts";
import { InputError, type InputFile } from "./input.ts";
import { isMapping } from "./layers.ts";
import { WHOLE_BYTES_MAX } from "./limits.ts";
import type { Path, ProblemList } from "./problem.ts";
import { placeAt, type SourceText, wholeText } from "./source_text.ts";
import { parseYaml, type YamlDocument } from "./yaml.ts";

export interface ManifestDocument {
  readonly source: SourceText;
  readonly document: YamlDocument;
  /** The list of monitors is left out of the document; it stands here. */
  readonly cut: ItemsRange | undefined;
  /** Whether an entry of the list may lean on another. */
  readonly mayHaveAliases: boolean;
  /** To the list of monitors in the document. */
  readonly listPath: Path;
}

/** How much text may still be kept whole, over all files of a load. */
export interface WholeBudget {
  bytes: number;
}

export interface DocumentOptions {
  readonly problems: ProblemList;
  readonly budget: WholeBudget;
}

/** Syntax errors are reported, and give no documents. Throws InputError. */
export async function readDocuments(file: InputFile, options: DocumentOptions): Promise<ManifestDocument[]> {
  const plan = file.format === "yaml" ? await planCuts(file.bytes()) : undefined;
  const small = plan === undefined || plan.bytes <= WHOLE_BYTES_MAX;
  if (plan === undefined || !plan.cuttable || (plan.mayHaveAliases && small) || plan.items.length === 0) {
    const source = await readWhole(file, options.budget);
    return parseDocuments(source, undefined, options.problems);
  }
  const source = await readAround(file, { items: plan.items, bytes: plan.bytes, budget: options.budget });
  return parseDocuments(source, plan, options.problems);
}

function parseDocuments(
  source: SourceText,
  plan: CutPlan | undefined,
  problems: ProblemList,
): ManifestDocument[] {
  const result = parseYaml(source.text);
  if (!result.ok) {
    problems.add({ ...placeAt(source, result.offset), severity: "error", path: "", message: result.message });
    return [];
  }
  return result.documents.flatMap((document) => {
    const fault = document.hasAliases ? aliasFault(document.value) : undefined;
    if (fault === undefined) return [manifestDocument(source, document, plan)];
    problems.add({ ...placeAt(source, 0), severity: "error", path: "", message: fault });
    return [];
  });
}

/** Where a list was cut out, its number stands in its place. */
function manifestDocument(
  source: SourceText,
  document: YamlDocument,
  plan: CutPlan | undefined,
): ManifestDocument {
  const listPath = isMapping(document.value) ? ["monitors"] : [];
  const list = isMapping(document.value) ? document.value.monitors : document.value;
  const number = Array.isArray(list) && list.length === 1 ? list[0] : undefined;
  const cut = typeof number === "number" ? plan?.items[number] : undefined;
  return { source, document, listPath, cut, mayHaveAliases: plan?.mayHaveAliases === true };
}

async function readWhole(file: InputFile, budget: WholeBudget): Promise<SourceText> {
  const text = decode(await collect(file.bytes(), budget, refusal(file)), 1);
  return wholeText({ file: file.name, text });
}

function refusal(file: InputFile): string {
  const limit = `the limit of ${WHOLE_BYTES_MAX >> 20} MiB for text that cannot be read piece by piece`;
  return file.format === "json"
    ? `above ${limit}; write it as JSON lines (one monitor a line, .jsonl), or as block-style YAML`
    : `above ${limit} (flow style at the root, or anchors used across monitors); use block style, or split the file`;
}

/** The text before, between and after the cut lists. */
async function readAround(file: InputFile, plan: {
  readonly items: readonly ItemsRange[];
  readonly bytes: number;
  readonly budget: WholeBudget;
}): Promise<SourceText> {
  const parts: { offset: number; line: number }[] = [];
  let text = "";
  let start = 0;
  let line = 1;
  for (const [index, range] of plan.items.entries()) {
    parts.push({ offset: text.length, line });
    text += await readText(file, { start, end: range.start, line, budget: plan.budget });
    parts.push({ offset: text.length, line: range.line });
    text += `${" ".repeat(range.indent)}- ${index}\n`;
    start = range.end;
    line = range.endLine;
  }
  parts.push({ offset: text.length, line });
  text += await readText(file, { start, end: plan.bytes, line, budget: plan.budget });
  return { file: file.name, text, parts };
}

async function readText(file: InputFile, range: {
  readonly start: number;
  readonly end: number;
  readonly line: number;
  readonly budget: WholeBudget;
}): Promise<string> {
  if (range.start === range.end) return "";
  return decode(await collect(file.bytes(range), range.budget, refusal(file)), range.line);
}

async function collect(
  bytes: AsyncIterable<Uint8Array>,
  budget: WholeBudget,
  refused: string,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of bytes) {
    parts.push(part);
    length += part.length;
    budget.bytes -= part.length;
    if (budget.bytes < 0) throw new InputError(refused);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
