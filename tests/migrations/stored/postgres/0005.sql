CREATE TABLE SCHEMA.inngest_apps (
	name TEXT COLLATE "C" NOT NULL,
	uuid TEXT COLLATE "C" NOT NULL,
	url TEXT COLLATE "C" NOT NULL,
	method TEXT COLLATE "C" NOT NULL,
	sdk TEXT COLLATE "C" NOT NULL,
	version TEXT COLLATE "C" NOT NULL,
	framework TEXT COLLATE "C" NOT NULL,
	platform TEXT COLLATE "C" NOT NULL,
	checksum TEXT COLLATE "C" NOT NULL,
	created_at BIGINT NOT NULL,
	synced_at BIGINT,
	error TEXT COLLATE "C",
	archived_at BIGINT,
	PRIMARY KEY (name)
);

CREATE TABLE SCHEMA.inngest_attempts (
	run_id TEXT COLLATE "C" NOT NULL,
	hash TEXT COLLATE "C" NOT NULL,
	attempt INTEGER NOT NULL,
	ended_at BIGINT NOT NULL,
	started_at BIGINT NOT NULL,
	error TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (run_id, hash, attempt, ended_at)
);

CREATE TABLE SCHEMA.inngest_batches (
	batch_id TEXT COLLATE "C" NOT NULL,
	position INTEGER NOT NULL,
	event_id TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (batch_id, position)
);

CREATE INDEX inngest_batches_by_event ON SCHEMA.inngest_batches (event_id);

CREATE TABLE SCHEMA.inngest_budgets (
	budget TEXT COLLATE "C" NOT NULL,
	used INTEGER NOT NULL,
	PRIMARY KEY (budget)
) WITH (fillfactor = 50);

CREATE TABLE SCHEMA.inngest_cancellations (
	id TEXT COLLATE "C" NOT NULL,
	app_id TEXT COLLATE "C" NOT NULL,
	function_id TEXT COLLATE "C" NOT NULL,
	started_after BIGINT,
	started_before BIGINT NOT NULL,
	expression TEXT COLLATE "C",
	created_at BIGINT NOT NULL,
	deleted_at BIGINT,
	PRIMARY KEY (id)
);

CREATE INDEX inngest_cancellations_by_function ON SCHEMA.inngest_cancellations (function_id, started_before);

CREATE TABLE SCHEMA.inngest_events (
	id TEXT COLLATE "C" NOT NULL,
	name TEXT COLLATE "C" NOT NULL,
	data TEXT COLLATE "C" NOT NULL,
	ts BIGINT NOT NULL,
	key TEXT COLLATE "C" NOT NULL,
	received_at BIGINT NOT NULL,
	extra TEXT COLLATE "C",
	PRIMARY KEY (id)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX inngest_events_by_age ON SCHEMA.inngest_events (received_at, id);

CREATE INDEX inngest_events_by_name ON SCHEMA.inngest_events (name, received_at, id);

ALTER TABLE SCHEMA.inngest_events ADD COLUMN place BIGINT GENERATED ALWAYS AS IDENTITY;

CREATE INDEX inngest_events_by_place ON SCHEMA.inngest_events (place);

CREATE TABLE SCHEMA.inngest_functions (
	id TEXT COLLATE "C" NOT NULL,
	app_id TEXT COLLATE "C" NOT NULL,
	name TEXT COLLATE "C" NOT NULL,
	version TEXT COLLATE "C" NOT NULL,
	retries INTEGER NOT NULL,
	events TEXT COLLATE "C" NOT NULL,
	failure_of TEXT COLLATE "C",
	config TEXT COLLATE "C" NOT NULL,
	updated_at BIGINT NOT NULL,
	uuid TEXT COLLATE "C",
	transport TEXT COLLATE "C" DEFAULT 'local' NOT NULL,
	url TEXT COLLATE "C",
	archived_at BIGINT,
	PRIMARY KEY (id)
);

CREATE TABLE SCHEMA.inngest_idempotency (
	function_id TEXT COLLATE "C" NOT NULL,
	key TEXT COLLATE "C" NOT NULL,
	run_id TEXT COLLATE "C" NOT NULL,
	expires_at BIGINT NOT NULL,
	PRIMARY KEY (function_id, key)
);

CREATE INDEX inngest_idempotency_by_end ON SCHEMA.inngest_idempotency (expires_at);

CREATE TABLE SCHEMA.inngest_inbox (
	run_id TEXT COLLATE "C" NOT NULL,
	hash TEXT COLLATE "C" NOT NULL,
	data TEXT COLLATE "C",
	error TEXT COLLATE "C",
	arrived_at BIGINT NOT NULL,
	attempt INTEGER NOT NULL,
	started_at BIGINT,
	metadata TEXT COLLATE "C",
	event_id TEXT COLLATE "C",
	PRIMARY KEY (run_id, hash)
);

CREATE INDEX inngest_inbox_by_event ON SCHEMA.inngest_inbox (event_id) WHERE event_id IS NOT NULL;

CREATE TABLE SCHEMA.inngest_jobs (
	id TEXT COLLATE "C" NOT NULL,
	run_id TEXT COLLATE "C" NOT NULL,
	function_id TEXT COLLATE "C" NOT NULL,
	due_at BIGINT NOT NULL,
	queue_class INTEGER NOT NULL,
	lane TEXT COLLATE "C" NOT NULL,
	start INTEGER NOT NULL,
	score BIGINT NOT NULL,
	shift INTEGER DEFAULT '0' NOT NULL,
	held_at BIGINT,
	held_by TEXT COLLATE "C",
	PRIMARY KEY (id)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX inngest_jobs_by_function ON SCHEMA.inngest_jobs (function_id, queue_class, lane, start, score, id);

CREATE INDEX inngest_jobs_by_hold ON SCHEMA.inngest_jobs (function_id, held_by, held_at) WHERE held_at IS NOT NULL;

CREATE INDEX inngest_jobs_by_run ON SCHEMA.inngest_jobs (run_id);

CREATE TABLE SCHEMA.inngest_kept_slots (
	run_id TEXT COLLATE "C" NOT NULL,
	token TEXT COLLATE "C" NOT NULL,
	session_id TEXT COLLATE "C" NOT NULL,
	function_id TEXT COLLATE "C" NOT NULL,
	lane TEXT COLLATE "C" NOT NULL,
	slots INTEGER NOT NULL,
	since BIGINT NOT NULL,
	PRIMARY KEY (run_id, token)
);

CREATE INDEX inngest_kept_slots_by_session ON SCHEMA.inngest_kept_slots (session_id);

CREATE TABLE SCHEMA.inngest_lanes (
	id TEXT COLLATE "C" NOT NULL,
	function_id TEXT COLLATE "C" NOT NULL,
	ready_at BIGINT,
	blocked_on TEXT COLLATE "C",
	blocked_at INTEGER,
	turn TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (id)
) WITH (fillfactor = 50);

CREATE INDEX inngest_lanes_by_budget ON SCHEMA.inngest_lanes (blocked_on, function_id, blocked_at, turn);

CREATE INDEX inngest_lanes_by_function ON SCHEMA.inngest_lanes (function_id, ready_at, turn);

CREATE TABLE SCHEMA.inngest_meta (
	key TEXT COLLATE "C" NOT NULL,
	value TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (key)
) WITH (fillfactor = 50);

CREATE TABLE SCHEMA.inngest_metadata (
	run_id TEXT COLLATE "C" NOT NULL,
	id TEXT COLLATE "C" NOT NULL,
	hash TEXT COLLATE "C",
	attempt INTEGER,
	kind TEXT COLLATE "C" NOT NULL,
	name TEXT COLLATE "C" NOT NULL,
	op TEXT COLLATE "C" NOT NULL,
	value TEXT COLLATE "C" NOT NULL,
	size INTEGER NOT NULL,
	at BIGINT NOT NULL,
	PRIMARY KEY (run_id, id)
);

CREATE TABLE SCHEMA.inngest_parcels (
	id TEXT COLLATE "C" NOT NULL,
	part INTEGER NOT NULL,
	events TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (id, part)
);

CREATE TABLE SCHEMA.inngest_pauses (
	function_id TEXT COLLATE "C" NOT NULL,
	on_event TEXT COLLATE "C" NOT NULL,
	since BIGINT NOT NULL,
	PRIMARY KEY (function_id)
);

CREATE TABLE SCHEMA.inngest_rates (
	function_id TEXT COLLATE "C" NOT NULL,
	key TEXT COLLATE "C" NOT NULL,
	started_at BIGINT NOT NULL,
	run_id TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (function_id, key, started_at, run_id)
);

CREATE INDEX inngest_rates_by_start ON SCHEMA.inngest_rates (started_at);

CREATE TABLE SCHEMA.inngest_requests (
	run_id TEXT COLLATE "C" NOT NULL,
	hash TEXT COLLATE "C" NOT NULL,
	kind TEXT COLLATE "C" NOT NULL,
	request TEXT COLLATE "C" NOT NULL,
	attempt INTEGER NOT NULL,
	retries INTEGER NOT NULL,
	due_at BIGINT NOT NULL,
	holder TEXT COLLATE "C",
	session_id TEXT COLLATE "C",
	host TEXT COLLATE "C" DEFAULT '-' NOT NULL,
	PRIMARY KEY (run_id, hash)
);

CREATE INDEX inngest_requests_by_due ON SCHEMA.inngest_requests (session_id, holder, due_at, run_id, hash);

CREATE INDEX inngest_requests_by_holder ON SCHEMA.inngest_requests (holder);

CREATE INDEX inngest_requests_by_host ON SCHEMA.inngest_requests (session_id, holder, host, due_at, run_id, hash);

CREATE TABLE SCHEMA.inngest_runs (
	id TEXT COLLATE "C" NOT NULL,
	function_id TEXT COLLATE "C" NOT NULL,
	function_version TEXT COLLATE "C" NOT NULL,
	event_id TEXT COLLATE "C" NOT NULL,
	status TEXT COLLATE "C" NOT NULL,
	created_at BIGINT NOT NULL,
	retries INTEGER NOT NULL,
	started_at BIGINT,
	ended_at BIGINT,
	attempt INTEGER NOT NULL,
	takeovers INTEGER NOT NULL,
	takeover_steps INTEGER NOT NULL,
	output TEXT COLLATE "C",
	error TEXT COLLATE "C",
	batch_id TEXT COLLATE "C",
	parent_id TEXT COLLATE "C",
	parent_hash TEXT COLLATE "C",
	watched INTEGER NOT NULL,
	lane TEXT COLLATE "C",
	session_id TEXT COLLATE "C",
	token TEXT COLLATE "C",
	slots INTEGER NOT NULL,
	follows INTEGER DEFAULT '0' NOT NULL,
	code TEXT COLLATE "C",
	generation INTEGER DEFAULT '0' NOT NULL,
	request_version INTEGER DEFAULT '-1' NOT NULL,
	owed INTEGER DEFAULT '1' NOT NULL,
	discover_at BIGINT,
	touched INTEGER DEFAULT '0' NOT NULL,
	origin_id TEXT COLLATE "C",
	origin_step TEXT COLLATE "C",
	PRIMARY KEY (id)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX inngest_runs_by_batch ON SCHEMA.inngest_runs (batch_id) WHERE batch_id IS NOT NULL;

CREATE INDEX inngest_runs_by_end ON SCHEMA.inngest_runs (ended_at) WHERE ended_at IS NOT NULL;

CREATE INDEX inngest_runs_by_event ON SCHEMA.inngest_runs (event_id);

CREATE INDEX inngest_runs_by_origin ON SCHEMA.inngest_runs (origin_id) WHERE origin_id IS NOT NULL;

CREATE INDEX inngest_runs_by_parent ON SCHEMA.inngest_runs (parent_id) WHERE parent_id IS NOT NULL;

CREATE INDEX inngest_runs_by_session ON SCHEMA.inngest_runs (session_id) WHERE session_id IS NOT NULL;

CREATE TABLE SCHEMA.inngest_sessions (
	id TEXT COLLATE "C" NOT NULL,
	started_at BIGINT NOT NULL,
	host TEXT COLLATE "C" NOT NULL,
	pid INTEGER NOT NULL,
	functions TEXT COLLATE "C" NOT NULL,
	writer TEXT COLLATE "C",
	executing TEXT COLLATE "C",
	ended TEXT COLLATE "C",
	beat_at BIGINT,
	lease INTEGER,
	PRIMARY KEY (id)
) WITH (fillfactor = 50);

CREATE TABLE SCHEMA.inngest_singletons (
	function_id TEXT COLLATE "C" NOT NULL,
	key TEXT COLLATE "C" NOT NULL,
	run_id TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (function_id, key)
);

CREATE INDEX inngest_singletons_by_run ON SCHEMA.inngest_singletons (run_id);

CREATE TABLE SCHEMA.inngest_steps (
	run_id TEXT COLLATE "C" NOT NULL,
	hash TEXT COLLATE "C" NOT NULL,
	step_id TEXT COLLATE "C" NOT NULL,
	repeat INTEGER NOT NULL,
	kind TEXT COLLATE "C" NOT NULL,
	seq INTEGER,
	attempt INTEGER NOT NULL,
	started_at BIGINT NOT NULL,
	due_at BIGINT,
	ended_at BIGINT,
	data TEXT COLLATE "C",
	error TEXT COLLATE "C",
	cancelled INTEGER NOT NULL,
	metadata TEXT COLLATE "C",
	mode TEXT COLLATE "C",
	op TEXT COLLATE "C",
	PRIMARY KEY (run_id, hash)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE SCHEMA.inngest_throttles (
	id TEXT COLLATE "C" NOT NULL,
	tat BIGINT NOT NULL,
	PRIMARY KEY (id)
) WITH (fillfactor = 50);

CREATE TABLE SCHEMA.inngest_timers (
	id TEXT COLLATE "C" NOT NULL,
	kind TEXT COLLATE "C" NOT NULL,
	key TEXT COLLATE "C" NOT NULL,
	due_at BIGINT NOT NULL,
	payload TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (kind, key)
) WITH (fillfactor = 50);

CREATE INDEX inngest_timers_by_due ON SCHEMA.inngest_timers (due_at);

CREATE TABLE SCHEMA.inngest_troubles (
	key TEXT COLLATE "C" NOT NULL,
	kind TEXT COLLATE "C" NOT NULL,
	error TEXT COLLATE "C" NOT NULL,
	tries INTEGER NOT NULL,
	since BIGINT NOT NULL,
	until BIGINT NOT NULL,
	PRIMARY KEY (key, kind)
);

CREATE INDEX inngest_troubles_by_end ON SCHEMA.inngest_troubles (until);

CREATE TABLE SCHEMA.inngest_waits (
	run_id TEXT COLLATE "C" NOT NULL,
	hash TEXT COLLATE "C" NOT NULL,
	kind TEXT COLLATE "C" NOT NULL,
	topic TEXT COLLATE "C" NOT NULL,
	path TEXT COLLATE "C" NOT NULL,
	key TEXT COLLATE "C" NOT NULL,
	expression TEXT COLLATE "C" NOT NULL,
	parameters TEXT COLLATE "C" NOT NULL,
	expires_at BIGINT NOT NULL,
	opened BIGINT NOT NULL,
	PRIMARY KEY (run_id, hash)
);

CREATE INDEX inngest_waits_by_topic ON SCHEMA.inngest_waits (topic, path, key, run_id, hash);

CREATE TABLE SCHEMA.inngest_woken (
	run_id TEXT COLLATE "C" NOT NULL,
	hash TEXT COLLATE "C" NOT NULL,
	event_id TEXT COLLATE "C" NOT NULL,
	cancelled INTEGER NOT NULL,
	PRIMARY KEY (run_id, hash, event_id)
);

CREATE INDEX inngest_woken_by_event ON SCHEMA.inngest_woken (event_id);

CREATE TABLE SCHEMA.inngest_writers (
	id TEXT COLLATE "C" NOT NULL,
	batch BIGINT NOT NULL,
	PRIMARY KEY (id)
) WITH (fillfactor = 50);
