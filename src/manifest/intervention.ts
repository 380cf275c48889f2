/** `intervention` → the remedy. `target` and `config` are one block in two parts, as are `action` and `type` one word. */
import type { z } from "../base/schema.ts";
import type { RemedySpec, RemedyStep } from "../model/monitor.ts";
import { type Catalog, unknownKindMessage } from "./catalog.ts";
import { typeWord } from "./found_value.ts";
import { isMapping } from "./layers.ts";
import { readConfig } from "./plugin_config.ts";
import type { Path } from "./problem.ts";
import type { Scope } from "./scope.ts";
import { ACTION_KEYS, type Shapes } from "./shapes.ts";

const TIMEOUT_MS_DEFAULT = 60_000;

/** What follows the last step anyway: people are told that nothing helped. Said for those who read it. */
const PAGE = "page";

interface Kinds {
  readonly catalog: Catalog;
  readonly shapes: Shapes;
}

export function readIntervention(scope: Scope, kinds: Kinds, value: unknown): RemedySpec | undefined {
  const path: Path = ["intervention"];
  if (!isMapping(value)) {
    scope.report(path, `found ${typeWord(value)}, expected a mapping with action and config`);
    return undefined;
  }
  const { schema, jsonSchema } = kinds.shapes.intervention;
  const shape = scope.parse(schema, value, { path, jsonSchema });
  const steps = value.steps === undefined
    ? readSingle(scope, kinds, { value, path, shape })
    : shape && readSteps(scope, kinds, { value, path, steps: shape.steps ?? [] });
  if (shape === undefined || steps === undefined) return undefined;
  const [first] = steps;
  if (first === undefined) return undefined;
  const { attempts: _, verificationChecks: _checks, verificationTimeoutMs: _timeout, ...remedy } = first;
  return {
    ...remedy,
    maxFailures: steps.reduce((sum, { attempts }) => sum + attempts, 0),
    ...(shape.idempotent ? { idempotent: true as const } : {}),
    ...(value.steps === undefined ? {} : { steps }),
  };
}

type Times = Pick<z.output<Shapes["step"]["schema"]>, "retries" | "max_failures" | "timeout">;

interface Action {
  readonly value: Mapping;
  readonly path: Path;
  readonly shape: Times | undefined;
}

function readSingle(scope: Scope, kinds: Kinds, action: Action): readonly RemedyStep[] | undefined {
  const step = readStep(scope, kinds, action);
  return step && [step];
}

function readSteps(
  scope: Scope,
  kinds: Kinds,
  { value, path, steps }: {
    readonly value: Mapping;
    readonly path: Path;
    readonly steps: readonly unknown[];
  },
): readonly RemedyStep[] | undefined {
  for (const key of ACTION_KEYS.filter((each) => Object.hasOwn(value, each))) {
    scope.report([...path, key], `${key} and steps cannot both be given: it belongs into a step`, {
      at: "key",
    });
  }
  const read: (RemedyStep | undefined)[] = [];
  for (const [index, item] of steps.entries()) {
    const at: Path = [...path, "steps", index];
    if (!isMapping(item)) {
      scope.report(at, `found ${typeWord(item)}, expected a mapping with action and config`);
      read.push(undefined);
    } else if (item.action === PAGE) {
      const message =
        "page is what follows the last step: it stands last, after at least one other, and takes nothing";
      if (index === 0 || index < steps.length - 1 || Object.keys(item).length > 1) scope.report(at, message);
    } else {
      const { schema, jsonSchema } = kinds.shapes.step;
      const shape = scope.parse(schema, item, { path: at, jsonSchema });
      const step = readStep(scope, kinds, { value: item, path: at, shape });
      const { checks, timeout } = shape?.verification ?? {};
      read.push(
        step && {
          ...step,
          ...(checks === undefined ? {} : { verificationChecks: checks }),
          ...(timeout === undefined ? {} : { verificationTimeoutMs: timeout }),
        },
      );
    }
  }
  const good = read.filter((step) => step !== undefined);
  return good.length < read.length ? undefined : good;
}

function readStep(scope: Scope, kinds: Kinds, { value, path, shape }: Action): RemedyStep | undefined {
  const action = readAction(scope, value, path);
  const kind = action && kinds.catalog.remedies.byName.get(action.word.toLowerCase());
  if (action && kind === undefined) {
    scope.report([...path, action.key], unknownKindMessage(kinds.catalog.remedies, action.word));
  }
  const block = readBlock(scope, value, path);
  const read = kind && block && readConfig(scope, kind, block);
  if (shape === undefined || kind === undefined || read === undefined) return undefined;
  const { target, shared } = kind.plugin.split(read.config);
  return {
    kind: kind.plugin.kind,
    target,
    config: shared,
    retries: shape.retries,
    timeoutMs: shape.timeout ?? TIMEOUT_MS_DEFAULT,
    attempts: shape.max_failures,
  };
}

type Mapping = Readonly<Record<string, unknown>>;

function readAction(
  scope: Scope,
  value: Mapping,
  path: Path,
): { readonly word: string; readonly key: string } | undefined {
  const { action, type } = value;
  if (action === undefined && type === undefined) {
    scope.report([...path, "action"], "missing; expected the kind of action, such as docker");
    return undefined;
  }
  if (typeof action === "string" && typeof type === "string" && action !== type) {
    scope.report(
      [...path, "type"],
      `found "${type}", but action is "${action}"; they mean the same: give one of them`,
    );
    return undefined;
  }
  if (typeof action === "string") return { word: action, key: "action" };
  return typeof type === "string" ? { word: type, key: "type" } : undefined;
}

function readBlock(
  scope: Scope,
  value: Mapping,
  path: Path,
): { readonly value: Mapping; readonly path: Path } | undefined {
  const target = value.target ?? {};
  const config = value.config ?? {};
  for (const [key, part] of Object.entries({ target, config })) {
    if (isMapping(part)) continue;
    scope.report([...path, key], `found ${typeWord(part)}, expected a mapping`);
    return undefined;
  }
  const parts = { target: target as Mapping, config: config as Mapping };
  const twice = Object.keys(parts.config).find((key) =>
    Object.hasOwn(parts.target, key) &&
    JSON.stringify(parts.target[key]) !== JSON.stringify(parts.config[key])
  );
  if (twice !== undefined) {
    const message =
      `${twice} stands in target and in config with different values; target and config are one block`;
    scope.report([...path, "config", twice], message);
    return undefined;
  }
  const name = value.config === undefined && value.target !== undefined ? "target" : "config";
  return { value: { ...parts.target, ...parts.config }, path: [...path, name] };
}
