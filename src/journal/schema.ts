/**
 * The tables of the journal and how they came to be. A migration is never changed once released: further ones are added.
 * Each runs once, in a transaction of its own, and is listed in the table `migrations`.
 */
import type { DatabaseSync } from "node:sqlite";

const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE monitors (
    name TEXT PRIMARY KEY,
    stands TEXT NOT NULL,         -- StoredState as JSON
    at_ms INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE incidents (
    id TEXT PRIMARY KEY,
    monitor TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    opened INTEGER NOT NULL,      -- 0: only ever degraded
    closed_ms INTEGER,
    error TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX incidents_closed ON incidents (closed_ms) WHERE closed_ms IS NOT NULL;
  CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    incident TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    what TEXT NOT NULL,
    detail TEXT NOT NULL
  );
  CREATE INDEX events_incident ON events (incident);
  CREATE TABLE alerts (
    id INTEGER PRIMARY KEY,
    monitor TEXT NOT NULL,
    incident TEXT NOT NULL,
    channel TEXT NOT NULL,        -- channelIdentity()
    color TEXT NOT NULL,
    message TEXT NOT NULL,        -- AlertMessage as JSON
    state INTEGER NOT NULL,       -- 0 pending, 1 delivered, 2 dead letter
    attempt INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    error TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    settled_ms INTEGER
  );
  CREATE INDEX alerts_pending ON alerts (id) WHERE state = 0;
  CREATE INDEX alerts_settled ON alerts (settled_ms) WHERE settled_ms IS NOT NULL;
  CREATE TABLE repairs (
    incident TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    monitor TEXT NOT NULL,
    error TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    how TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (incident, attempt)
  ) WITHOUT ROWID;
  CREATE INDEX repairs_open ON repairs (started_ms) WHERE ended_ms IS NULL;
  CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL, at_ms INTEGER NOT NULL) WITHOUT ROWID;
  `,
];

export const SCHEMA_VERSION = MIGRATIONS.length;

/** The file was written by a newer version: it is left alone. */
export class NewerSchemaError extends Error {
  override readonly name = "NewerSchemaError";
}

/** Brings the database to SCHEMA_VERSION. Throws NewerSchemaError, or what SQLite throws. */
export function migrate(db: DatabaseSync, nowMs: number): void {
  db.exec(
    "CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, applied_ms INTEGER NOT NULL)",
  );
  const row = db.prepare("SELECT max(version) AS version FROM migrations").get();
  const version = Number(row?.["version"] ?? 0);
  if (version > SCHEMA_VERSION) {
    throw new NewerSchemaError(
      `Cannot use the journal: its schema is version ${version}, this cpra knows up to ${SCHEMA_VERSION}`,
    );
  }
  for (let next = version; next < SCHEMA_VERSION; next++) {
    db.exec("BEGIN IMMEDIATE");
    db.exec(MIGRATIONS[next] as string);
    db.prepare("INSERT INTO migrations VALUES (?, ?)").run(next + 1, Math.round(nowMs));
    db.exec("COMMIT");
  }
}
