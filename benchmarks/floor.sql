-- The least that a durable step can cost on SQLite: its result, and a commit of its own.
-- benchmarks/contenders/floor.py executes these statements; `-- step` ends what is done once.

-- The settings of an engine with durability="full".
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA wal_autocheckpoint = 4000;
PRAGMA temp_store = MEMORY;

-- No key and no index: a row goes to the end of the table, which is less work than any engine can do with.
CREATE TABLE steps (
    run_id     TEXT    NOT NULL,
    step_id    TEXT    NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL,
    output     TEXT    NOT NULL
);

-- step
INSERT INTO steps (run_id, step_id, started_at, ended_at, output) VALUES (?, ?, ?, ?, ?);
COMMIT;
