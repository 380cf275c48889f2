/** The entries of a parsed list, one by one through the reader: in the engine's thread and in the loader threads alike. */
import type { MonitorSpec } from "../model/monitor.ts";
import { type EntryReader, readEntry } from "./entry.ts";
import type { EntryList } from "./pieces.ts";
import type { Place } from "./problem.ts";
import type { Layer } from "./scope.ts";
import { placeAt } from "./source_text.ts";

export interface EntryFile {
  readonly folder: string;
  readonly defaults: Layer | undefined;
}

export interface ReadEntry {
  readonly value: unknown;
  readonly place: Place;
  /** Undefined when it is not to be used; the reasons have been reported. */
  readonly monitor: MonitorSpec | undefined;
}

/** Leaves the first `skip` entries out. */
export function readList(
  reader: EntryReader,
  { file, list, skip = 0 }: { readonly file: EntryFile; readonly list: EntryList; readonly skip?: number },
  take: (entry: ReadEntry) => void,
): void {
  const { document, source } = list;
  let offset = 0;
  for (const [index, value] of list.values.entries()) {
    const path = list.pathTo(index);
    // An entry of nothing but a dash has no place: the one before it is near enough.
    offset = document.offsetOf(path, "value") ?? offset;
    if (index < skip) continue;
    const place = placeAt(source, offset);
    const monitor = readEntry(reader, {
      own: {
        value,
        source,
        offsetOf: (below, what) => document.offsetOf([...path, ...below], what),
        origin: "",
      },
      place,
      prefix: [...list.listPath, list.firstIndex + index],
      folder: file.folder,
      defaults: file.defaults,
      hasVariables: list.hasVariables,
    });
    take({ value, place, monitor });
  }
}
