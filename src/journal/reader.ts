/** Rows → what stands: for the boot, and for what can still be read of a damaged file. */
import { DatabaseSync } from "node:sqlite";
import type { MonitorStands, OpenRepair, PendingAlert, Standing } from "../model/journal_record.ts";

export function readStanding(db: DatabaseSync): Standing {
  const all = (sql: string) => db.prepare(sql).all() as unknown as readonly Row[];
  return {
    monitors: all("SELECT name, stands, at_ms FROM monitors ORDER BY name").map(monitorOf),
    alerts: all("SELECT * FROM alerts WHERE state = 0 ORDER BY id").map(alertOf),
    repairs: all("SELECT * FROM repairs WHERE ended_ms IS NULL ORDER BY started_ms, incident").map(repairOf),
    facts: all("SELECT key, value FROM facts ORDER BY key").map((row) =>
      [String(row["key"]), JSON.parse(String(row["value"]))] as const
    ),
  };
}

/** Undefined when the damage is such that nothing whole can be read. */
export function salvageStanding(path: string): Standing | undefined {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path);
    return readStanding(db);
  } catch {
    return undefined;
  } finally {
    db?.close();
  }
}

type Row = Readonly<Record<string, unknown>>;

function monitorOf(row: Row): MonitorStands {
  return {
    type: "monitor",
    monitor: String(row["name"]),
    atWallMs: Number(row["at_ms"]),
    stands: JSON.parse(String(row["stands"])),
  };
}

function alertOf(row: Row): PendingAlert {
  return {
    id: Number(row["id"]),
    monitor: String(row["monitor"]),
    incident: String(row["incident"]),
    channelId: String(row["channel"]),
    color: row["color"] as PendingAlert["color"],
    message: JSON.parse(String(row["message"])),
    attempt: Number(row["attempt"]),
    dueWallMs: Number(row["due_ms"]),
  };
}

function repairOf(row: Row): OpenRepair {
  return {
    incident: String(row["incident"]),
    attempt: Number(row["attempt"]),
    monitor: String(row["monitor"]),
    startedWallMs: Number(row["started_ms"]),
    error: String(row["error"]),
  };
}
