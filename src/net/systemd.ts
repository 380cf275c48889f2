/**
 * A thin client of systemd's manager over D-Bus, for checks and remedies: what state a unit is in, and one job on it,
 * waited for. No root and no systemctl: the system bus answers questions of everybody, and acts for whom polkit or the
 * kernel says. Source: org.freedesktop.systemd1(5).
 */
import { z } from "../base/schema.ts";
import { addMatch, type Bus, type BusAnswer, openBus } from "./dbus.ts";
import type { BusValue } from "./dbus_message.ts";

const SERVICE = "org.freedesktop.systemd1";
const MANAGER = `${SERVICE}.Manager`;
const MANAGER_PATH = "/org/freedesktop/systemd1";

export const SYSTEMD_VERBS = ["restart", "start", "stop", "reload"] as const;
export type SystemdVerb = typeof SYSTEMD_VERBS[number];

const METHODS: Readonly<Record<SystemdVerb, string>> = {
  restart: "RestartUnit",
  start: "StartUnit",
  stop: "StopUnit",
  reload: "ReloadUnit",
};

const UNIT_TYPES = "service|socket|target|device|mount|automount|swap|timer|path|slice|scope";
const SUFFIX = new RegExp(`\\.(${UNIT_TYPES})$`);

/** Schema fields for a strict object. */
export const UNIT_FIELDS = {
  /** As systemctl takes it: without a suffix it is a service. */
  unit: z.string().regex(
    new RegExp(`^[A-Za-z0-9:_\\\\-][A-Za-z0-9:_.\\\\-]*(@[A-Za-z0-9:_.\\\\-]+)?$`),
    'expected the name of one unit, such as "nginx.service" or "worker@3"',
  ).transform((name) => SUFFIX.test(name) ? name : `${name}.service`),
  bus: z.enum(["system", "user"]).default("system"),
  socket: z.string().regex(/^\//, "expected the path of the bus's unix socket").optional(),
} as const;

export interface BusChoice {
  readonly bus: "system" | "user";
  readonly socket?: string | undefined;
}

export function busPath({ bus, socket }: BusChoice): string {
  if (socket !== undefined) return socket;
  if (bus === "system") return "/run/dbus/system_bus_socket";
  return `${process.env["XDG_RUNTIME_DIR"] ?? `/run/user/${process.getuid?.() ?? 0}`}/bus`;
}

export interface UnitState {
  /** "loaded", "not-found", "masked", "bad-setting", "error". */
  readonly load: string;
  /** "active", "reloading", "inactive", "failed", "activating", "deactivating". */
  readonly active: string;
  /** Finer, by the unit's type: "running", "exited", "dead", "auto-restart", "listening". */
  readonly sub: string;
  /** Of a service that ended: "success", "exit-code", "signal", "timeout", "start-limit-hit". */
  readonly result: string;
  /** Exit code or signal of a service's main process, 0 while there is none. */
  readonly status: number;
  /** Automatic restarts of a service since it was last started on purpose. */
  readonly restarts: number | undefined;
}

/** For people: "active (running)", "failed (exit-code 3)". */
export function unitStateText({ load, active, sub, result, status }: UnitState): string {
  if (load !== "loaded") return load === "not-found" ? "no such unit" : `unit file: ${load}`;
  const why = active === "failed" && result !== "" ? `${result}${status === 0 ? "" : ` ${status}`}` : sub;
  return `${active} (${why})`;
}

export async function openManager(choice: BusChoice, signal: AbortSignal): Promise<BusAnswer<Manager>> {
  const bus = await openBus(busPath(choice), signal);
  return bus.ok ? { ok: true, value: new Manager(bus.value) } : bus;
}

export class Manager {
  readonly #bus: Bus;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  close(): void {
    this.#bus.close();
  }

  /** A unit that does not exist has a state too: "not-found". */
  async unit(name: string): Promise<BusAnswer<UnitState>> {
    const loaded = await this.#manager("LoadUnit", name);
    if (!loaded.ok) return loaded;
    const path = String(loaded.value[0]);
    const isService = name.endsWith(".service");
    const properties = [["Unit", "LoadState"], ["Unit", "ActiveState"], ["Unit", "SubState"]] as const;
    const ofServices = [["Service", "Result"], ["Service", "ExecMainStatus"], [
      "Service",
      "NRestarts",
    ]] as const;
    const values: BusValue[] = [];
    // Sent together, answered in order.
    const answers = await Promise.all(
      [...properties, ...(isService ? ofServices : [])].map(([of, property]) =>
        this.#bus.call({
          destination: SERVICE,
          path,
          interface: "org.freedesktop.DBus.Properties",
          member: "Get",
          args: [`${SERVICE}.${of}`, property],
        })
      ),
    );
    for (const answer of answers) {
      if (!answer.ok) return answer;
      values.push(answer.value[0] ?? "");
    }
    const [load, active, sub, result, status, restarts] = values;
    return {
      ok: true,
      value: {
        load: String(load),
        active: String(active),
        sub: String(sub),
        result: String(result ?? ""),
        status: Number(status ?? 0),
        restarts: isService ? Number(restarts) : undefined,
      },
    };
  }

  /** Forgets that it failed, so that its start limit does not stand against a start. */
  resetFailed(name: string): Promise<BusAnswer> {
    return this.#manager("ResetFailedUnit", name);
  }

  /** Queues the job and waits for its end: "done", "failed", "dependency", "timeout", "canceled", "skipped". */
  async run(verb: SystemdVerb, name: string): Promise<BusAnswer<string>> {
    const ended = new Map<string, string>();
    let news = () => {};
    this.#bus.onSignal(({ member, body }) => {
      if (member !== "JobRemoved") return;
      ended.set(String(body[1]), String(body[3]));
      news();
    });
    const rule = `type='signal',sender='${SERVICE}',interface='${MANAGER}',member='JobRemoved'`;
    for (const ready of [await addMatch(this.#bus, rule), await this.#manager("Subscribe")]) {
      if (!ready.ok) return ready;
    }
    const queued = await this.#manager(METHODS[verb], name, "replace");
    if (!queued.ok) return queued;
    const job = String(queued.value[0]);
    for (;;) {
      const result = ended.get(job);
      if (result !== undefined) return { ok: true, value: result };
      const lost = await Promise.race([
        this.#bus.lost,
        new Promise<undefined>((wake) => news = () => wake(undefined)),
      ]);
      if (lost !== undefined) return lost;
    }
  }

  #manager(member: string, ...args: string[]): Promise<BusAnswer> {
    return this.#bus.call({ destination: SERVICE, path: MANAGER_PATH, interface: MANAGER, member, args });
  }
}
