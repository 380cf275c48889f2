/**
 * `notify` (one kind or a list of them) with its `config` → channels. One configuration may serve several kinds: each
 * takes the keys that it knows, and a key that none of them knows is an error.
 */
import type { ChannelSpec } from "../model/monitor.ts";
import type { Notifier } from "../model/plugin.ts";
import { type Catalog, type Kind, unknownKindMessage } from "./catalog.ts";
import { unknownKey } from "./explain.ts";
import { typeWord } from "./found_value.ts";
import { isMapping } from "./layers.ts";
import { readConfig, secretKeyOf } from "./plugin_config.ts";
import type { Path } from "./problem.ts";
import type { Scope } from "./scope.ts";

export interface ChannelWords {
  /** Kinds as written. */
  readonly notify: readonly string[];
  readonly config: unknown;
  /** Of the mapping that holds `notify` and `config`. */
  readonly path: Path;
}

export function readChannels(scope: Scope, catalog: Catalog, words: ChannelWords): ChannelSpec[] {
  const kinds = words.notify.flatMap((word) => {
    const kind = catalog.notifiers.byName.get(word.toLowerCase());
    if (kind === undefined) {
      scope.report([...words.path, "notify"], unknownKindMessage(catalog.notifiers, word));
    }
    return kind === undefined ? [] : [kind];
  });
  const path = [...words.path, "config"];
  const config = words.config ?? {};
  if (!isMapping(config)) {
    scope.report(path, `found ${typeWord(config)}, expected a mapping`);
    return [];
  }
  if (kinds.length > 1) refuseUnknownKeys(scope, kinds, { config, path });
  return kinds.flatMap((kind) => {
    const value = kinds.length === 1 ? config : keysKnownTo(kind, config);
    const read = readConfig(scope, kind, { value, path });
    return read === undefined ? [] : [{ kind: kind.plugin.kind, config: read.config }];
  });
}

/** Without those that say the same as an earlier one. */
export function distinctChannels(channels: readonly ChannelSpec[]): ChannelSpec[] {
  if (channels.length < 2) return [...channels];
  return [...new Map(channels.map((channel) => [JSON.stringify(channel), channel])).values()];
}

type Mapping = Readonly<Record<string, unknown>>;

function knows(kind: Kind<Notifier>, key: string): boolean {
  return kind.topKeys.includes(key) || kind.topKeys.includes(secretKeyOf(key, kind.topKeys) ?? key);
}

function keysKnownTo(kind: Kind<Notifier>, config: Mapping): Mapping {
  return Object.fromEntries(Object.entries(config).filter(([key]) => knows(kind, key)));
}

function refuseUnknownKeys(
  scope: Scope,
  kinds: readonly Kind<Notifier>[],
  block: { readonly config: Mapping; readonly path: Path },
): void {
  const allowed = [...new Set(kinds.flatMap((kind) => kind.topKeys))];
  for (const key of Object.keys(block.config)) {
    if (kinds.some((kind) => knows(kind, key))) continue;
    const fault = unknownKey(block.path, key, allowed);
    scope.report(fault.path, fault.message, { at: fault.at });
  }
}
