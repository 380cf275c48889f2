/** The plug-ins as the manifest looks them up: by any of their names, with the keys that their configurations know. */
import { assert } from "../base/assert.ts";
import { suggest } from "../base/suggest.ts";
import type { AnyProbe, Notifier, PluginInfo, Registries, Remedy } from "../model/plugin.ts";
import type { IsProbeName } from "./canonical_key.ts";
import { inputJsonSchema, type JsonSchema, keysAt } from "./schema_keys.ts";

export interface Kind<P> {
  readonly plugin: P;
  readonly jsonSchema: JsonSchema;
  /** Keys of the configuration itself. */
  readonly topKeys: readonly string[];
}

export interface Shelf<P> {
  /** "type", "action", "notify": what the manifest calls the choice. */
  readonly word: string;
  /** Kinds and aliases. */
  readonly byName: ReadonlyMap<string, Kind<P>>;
  /** Kinds alone, in the order of the registry. */
  readonly kinds: readonly Kind<P>[];
}

export interface Catalog {
  readonly probes: Shelf<AnyProbe>;
  readonly remedies: Shelf<Remedy>;
  readonly notifiers: Shelf<Notifier>;
  readonly isProbeName: IsProbeName;
}

export function createCatalog(registries: Registries): Catalog {
  const probes = shelve("check type", registries.probes);
  return {
    probes,
    remedies: shelve("action", registries.remedies),
    notifiers: shelve("notifier", registries.notifiers),
    isProbeName: (word) => probes.byName.has(word),
  };
}

/** `unknown check type "htpp"; did you mean "http"? Allowed: http (https), tcp, …` */
export function unknownKindMessage<P extends PluginInfo<unknown>>(shelf: Shelf<P>, found: string): string {
  const close = suggest(found, shelf.byName.keys());
  const names = shelf.kinds.map(({ plugin }) =>
    plugin.aliases.length === 0 ? plugin.kind : `${plugin.kind} (or ${plugin.aliases.join(", ")})`
  );
  const hint = close === undefined ? "" : `; did you mean ${JSON.stringify(close)}?`;
  return `unknown ${shelf.word} ${JSON.stringify(found)}${hint}${hint === "" ? "; allowed" : " Allowed"}: ${
    names.join(", ")
  }`;
}

function shelve<P extends PluginInfo<unknown>>(word: string, plugins: readonly P[]): Shelf<P> {
  const byName = new Map<string, Kind<P>>();
  const kinds: Kind<P>[] = [];
  for (const plugin of plugins) {
    const jsonSchema = inputJsonSchema(plugin.schema);
    const kind = { plugin, jsonSchema, topKeys: keysAt(jsonSchema, []) };
    kinds.push(kind);
    for (const name of [plugin.kind, ...plugin.aliases]) {
      assert(!byName.has(name), `two plug-ins are called ${name}`);
      byName.set(name, kind);
    }
  }
  return { word, byName, kinds };
}
