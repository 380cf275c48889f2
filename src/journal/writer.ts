/** Records → statements, each prepared once. Runs inside the store's transactions. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type {
  Decision,
  JournalRecord,
  MonitorStands,
  OpenRepair,
  PendingAlert,
  Standing,
} from "../model/journal_record.ts";

/** A row that is written again (after a failure whose commit did take place) stays as it is. */
const SQL = {
  alert: `INSERT OR IGNORE INTO alerts
    (id, monitor, incident, channel, color, message, state, attempt, due_ms, error, created_ms)
    VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, '', ?)`,
  settle: "UPDATE alerts SET state = ?, error = ?, settled_ms = ? WHERE id = ?",
  putOff: "UPDATE alerts SET attempt = ?, due_ms = ? WHERE id = ?",
  repair: `INSERT INTO repairs (incident, attempt, monitor, error, started_ms, how, text)
    VALUES (?, ?, ?, ?, ?, '', '')
    ON CONFLICT (incident, attempt) DO UPDATE SET error = excluded.error, started_ms = excluded.started_ms,
      ended_ms = NULL, how = '', text = '' WHERE how = 'withdrawn'`,
  endRepair: "UPDATE repairs SET ended_ms = ?, how = ?, text = ? WHERE incident = ? AND attempt = ?",
  event: "INSERT INTO events (incident, at_ms, what, detail) VALUES (?, ?, ?, ?)",
  monitor: `INSERT INTO monitors VALUES (?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET stands = excluded.stands, at_ms = excluded.at_ms`,
  forgetMonitor: "DELETE FROM monitors WHERE name = ?",
  incident: `INSERT INTO incidents (id, monitor, since_ms, opened, error) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET opened = max(opened, excluded.opened), error = excluded.error`,
  close: "UPDATE incidents SET closed_ms = ? WHERE id = ?",
  fact: `INSERT INTO facts VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, at_ms = excluded.at_ms`,
  forgetFact: "DELETE FROM facts WHERE key = ?",
} as const;

const DELIVERED = 1;
const DEAD = 2;

export class Writer {
  readonly #db: DatabaseSync;
  readonly #prepared: Readonly<Record<keyof typeof SQL, StatementSync>>;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#prepared = Object.fromEntries(
      Object.entries(SQL).map(([name, sql]) => [name, db.prepare(sql)]),
    ) as Record<keyof typeof SQL, StatementSync>;
  }

  write(record: JournalRecord): void {
    const sql = this.#prepared;
    switch (record.type) {
      case "decision":
        return this.#decision(record);
      case "monitor":
        return this.#monitor(record);
      case "step":
        return void sql.event.run(record.incident, ms(record.atWallMs), record.what, text(record.detail));
      case "closed":
        return void sql.close.run(ms(record.atWallMs), record.incident);
      case "settled": {
        const state = record.result === "delivered" ? DELIVERED : DEAD;
        return void sql.settle.run(state, text(record.error), ms(record.atWallMs), record.id);
      }
      case "put-off":
        return void sql.putOff.run(record.attempt, ms(record.dueWallMs), record.id);
      case "repair-ended": {
        const { atWallMs, how, incident, attempt } = record;
        sql.endRepair.run(ms(atWallMs), how, text(record.text), incident, attempt);
        return void sql.event.run(incident, ms(atWallMs), `repair ${attempt} ${how}`, text(record.text));
      }
      case "fact":
        if (record.value === null) return void sql.forgetFact.run(record.key);
        return void sql.fact.run(record.key, JSON.stringify(record.value), ms(record.atWallMs));
    }
  }

  replace({ monitors, alerts, repairs, facts }: Standing, nowMs: number): void {
    // What is not in there any more came to its end while nobody could write it down.
    this.#db.exec("DELETE FROM monitors; DELETE FROM facts");
    const pending = new Set(alerts.map(({ id }) => id));
    for (const { id } of this.#ids("SELECT id FROM alerts WHERE state = 0")) {
      if (!pending.has(Number(id))) this.#prepared.settle.run(DELIVERED, "settled unseen", ms(nowMs), id);
    }
    this.#db.prepare("UPDATE repairs SET ended_ms = ?, how = 'lost' WHERE ended_ms IS NULL").run(ms(nowMs));
    this.#db.prepare("UPDATE incidents SET closed_ms = ? WHERE closed_ms IS NULL").run(ms(nowMs));
    for (const stands of monitors) this.#monitor(stands);
    for (const alert of alerts) {
      this.#alert(alert, nowMs);
      // One that was there already may have been tried since.
      this.#prepared.putOff.run(alert.attempt, ms(alert.dueWallMs), alert.id);
    }
    for (const repair of repairs) {
      this.#repair(repair);
      this.#db.prepare("UPDATE repairs SET ended_ms = NULL, how = '' WHERE incident = ? AND attempt = ?")
        .run(repair.incident, repair.attempt);
    }
    for (const [key, value] of facts) this.#prepared.fact.run(key, JSON.stringify(value), ms(nowMs));
    for (const { stands } of monitors) {
      if (stands?.incident) {
        this.#db.prepare("UPDATE incidents SET closed_ms = NULL WHERE id = ?").run(stands.incident.id);
      }
    }
  }

  #decision({ monitor, incident, transition, atWallMs, alerts, remedy }: Decision): void {
    for (const { id, channelId, color, message } of alerts) {
      this.#alert({ id, monitor, incident, channelId, color, message, attempt: 0, dueWallMs: 0 }, atWallMs);
    }
    const colors = [...new Set(alerts.map(({ color }) => color))].join(", ");
    if (colors !== "") this.#prepared.event.run(incident, ms(atWallMs), "alert", `${transition}: ${colors}`);
    if (remedy === null) return;
    const { attempt, error } = remedy;
    this.#repair({ incident, attempt, monitor, startedWallMs: atWallMs, error });
    this.#prepared.event.run(incident, ms(atWallMs), `repair ${attempt} decided`, text(error));
  }

  #alert(alert: PendingAlert, createdMs: number): void {
    const { id, monitor, incident, channelId, color, message, attempt, dueWallMs } = alert;
    const json = JSON.stringify(message);
    this.#prepared.alert.run(
      id,
      monitor,
      incident,
      channelId,
      color,
      json,
      attempt,
      ms(dueWallMs),
      ms(createdMs),
    );
  }

  #repair({ incident, attempt, monitor, error, startedWallMs }: OpenRepair): void {
    this.#prepared.repair.run(incident, attempt, monitor, text(error), ms(startedWallMs));
  }

  #monitor({ monitor, stands, atWallMs }: MonitorStands): void {
    if (stands === null) return void this.#prepared.forgetMonitor.run(monitor);
    this.#prepared.monitor.run(monitor, JSON.stringify(stands), ms(atWallMs));
    if (stands.incident === null) return;
    const { id, sinceWallMs, opened, error } = stands.incident;
    this.#prepared.incident.run(id, monitor, ms(sinceWallMs), opened ? 1 : 0, text(error));
  }

  #ids(sql: string): { readonly id: number }[] {
    return this.#db.prepare(sql).all() as unknown as { readonly id: number }[];
  }
}

function ms(value: number): number {
  return Math.round(value);
}

/** Deno ends a text at its first NUL when it reads it back. */
function text(value: string): string {
  return value.replaceAll("\0", "\ufffd");
}
