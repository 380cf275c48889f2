/**
 * Puts the attributes of monitors (groups, labels, …) into the arena as JSON, equal ones once where they come close
 * together. It remembers a bounded number of texts, because labels may differ on every one of a million monitors.
 */
import type { ArenaWriter } from "./arena_writer.ts";

const REMEMBERED = 8192;

export interface AttributeStore {
  /** Arena offset of a text from attributesJson(); 0 for "". The caller knows that the text fits. */
  store(json: string): number;
}

export function createAttributeStore(writer: ArenaWriter): AttributeStore {
  const known = new Map<string, number>();
  return {
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
