/**
 * Puts the attributes of monitors (groups, labels, …) into the arena as JSON, equal ones once where they come close
 * together. It remembers a bounded number of texts, because labels may differ on every one of a million monitors.
 */
import type { ArenaWriter } from "./arena_writer.ts";
import type { Attributes } from "./policy.ts";

const REMEMBERED = 8192;

export interface AttributeStore {
  /** JSON of the attributes, "" when all are empty. */
  json(attributes: Attributes): string;
  /** Arena offset of a text from json(); 0 for "". The caller knows that the text fits. */
  store(json: string): number;
}

export function createAttributeStore(writer: ArenaWriter): AttributeStore {
  const known = new Map<string, number>();
  return {
    json: ({ groups, labels, dependsOn, metadata }) => {
      if (groups.length === 0 && dependsOn.length === 0 && isEmpty(labels) && isEmpty(metadata)) return "";
      return JSON.stringify({ groups, labels, dependsOn, metadata });
    },
    store: (json) => {
      if (json === "") return 0;
      const stored = known.get(json);
      if (stored !== undefined) return stored;
      if (known.size === REMEMBERED) known.clear();
      writer.stage(json);
      const offset = writer.commit();
      known.set(json, offset);
      return offset;
    },
  };
}

function isEmpty(record: Readonly<Record<string, unknown>>): boolean {
  for (const _ in record) return false;
  return true;
}
