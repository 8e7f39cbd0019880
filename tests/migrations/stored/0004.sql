-- 1796078591812
BEGIN TRANSACTION;
CREATE TABLE inngest_apps (
	name TEXT NOT NULL, 
	uuid TEXT NOT NULL, 
	url TEXT NOT NULL, 
	method TEXT NOT NULL, 
	sdk TEXT NOT NULL, 
	version TEXT NOT NULL, 
	framework TEXT NOT NULL, 
	platform TEXT NOT NULL, 
	checksum TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	synced_at BIGINT, 
	error TEXT, 
	archived_at BIGINT, 
	PRIMARY KEY (name)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_apps" VALUES('served','17dd7878-53cb-5cf9-9ce2-bf2eebada593','http://127.0.0.1:45733/','serve','py:v0.5.19','','flask','','9af1b8a16c24c6e900b7eaeeed904190c37244c54565f79ee75876653fc137b6',1796078589850,1796078589850,NULL,NULL);
CREATE TABLE inngest_attempts (
	run_id TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	ended_at BIGINT NOT NULL, 
	started_at BIGINT NOT NULL, 
	error TEXT NOT NULL, 
	PRIMARY KEY (run_id, hash, attempt, ended_at)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_attempts" VALUES('01M8QA0P8G138K0SCQAKT1HKRA','0612bcf5b16a1ec368ef4ebb92d6be2f7040260b',0,1796078590262,1796078590261,'{"name": "RuntimeError", "message": "busy", "stack": "Traceback (most recent call last):\n  File \"tests/migrations/shop.py\", line 180, in flaky\n    raise RuntimeError(\"busy\")\nRuntimeError: busy\n", "code": "unknown"}');
INSERT INTO "inngest_attempts" VALUES('01M8QA0PE06AHXXX5FVYHJREF4','783923e57ba5e8f1044632c31fd806ee24814bb5',0,1796078590535,1796078590534,'{"name": "GatewayError", "message": "GET http://127.0.0.1:1/: ConnectError: Connection refused"}');
CREATE TABLE inngest_batches (
	batch_id TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	event_id TEXT NOT NULL, 
	PRIMARY KEY (batch_id, position)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_batches" VALUES('["shop-debounce", "\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]',0,'01M8QA0P2XAZSBSAF0H1N7AMCF');
INSERT INTO "inngest_batches" VALUES('01M8QA0P3BF9W7B1HK8NW0KDG6',0,'01M8QA0P3BF9W7B1HK8EMN5RXJ');
INSERT INTO "inngest_batches" VALUES('01M8QA0P3BF9W7B1HK8NW0KDG6',1,'01M8QA0P3XBZP20YHXBRGN7C11');
CREATE TABLE inngest_budgets (
	budget TEXT NOT NULL, 
	used INTEGER NOT NULL, 
	PRIMARY KEY (budget)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_budgets" VALUES('fn:shop-lane:21f95626:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f',1);
CREATE TABLE inngest_cancellations (
	id TEXT NOT NULL, 
	app_id TEXT NOT NULL, 
	function_id TEXT NOT NULL, 
	started_after BIGINT, 
	started_before BIGINT NOT NULL, 
	expression TEXT, 
	created_at BIGINT NOT NULL, 
	deleted_at BIGINT, 
	PRIMARY KEY (id)
)
 WITHOUT ROWID

;
CREATE TABLE inngest_events (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	data TEXT NOT NULL, 
	ts BIGINT NOT NULL, 
	"key" TEXT NOT NULL, 
	received_at BIGINT NOT NULL, 
	extra TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "inngest_events" VALUES('01M8QA0NYEEX46FH1MDYCSSMDG','sleep','{}',1796078589902,'',1796078589902,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0NZH3PP6FNYJE9TC4AR1','wait','{"id":1}',1796078589937,'',1796078589937,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0P0S3ZRAFPMAVP1JCKJT','wait-late','{}',1796078589977,'',1796078589977,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0P1SAZAFGC3X9YBGXSKX','debounce','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":1}',1796078590009,'',1796078590009,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0P2XAZSBSAF0H1N7AMCF','debounce','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":2}',1796078590045,'',1796078590045,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0P3BF9W7B1HK8EMN5RXJ','batch','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":1}',1796078590059,'',1796078590059,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0P3XBZP20YHXBRGN7C11','batch','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":2}',1796078590077,'',1796078590077,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0P4TCSF64DFE16X91WQ8','lane','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":1,"priority":0}',1796078590106,'',1796078590106,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0P5F2G04KK1BHCASM8AM','lane','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":2,"priority":0}',1796078590127,'',1796078590127,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0P5VCQJQD910Y49EACA5','lane','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":3,"priority":0}',1796078590139,'',1796078590139,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0P69E2CMP85TEWM2ZK5R','throttle','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":1}',1796078590153,'',1796078590153,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0P6T5SGHBVJGQY4Y8AQM','throttle','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":2}',1796078590170,'',1796078590170,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0P7BAYXJ5HSDXQ47FS22','paused','{"number":1}',1796078590187,'',1796078590187,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0P82AC2FCGYK65KPSACC','paused','{"number":2}',1796078590210,'',1796078590210,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0P8G138K0SCQAKKPJQGW','retry','{}',1796078590224,'',1796078590224,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0P9ND0TP2N4XM5W3B5K3','parent','{}',1796078590261,'',1796078590261,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0PAM68X9DBBDEJN93937','once','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-"}',1796078590292,'',1796078590292,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0PB70FSR53EB1BF1WRX8','single','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-"}',1796078590311,'',1796078590311,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0PBE7S0BBM3QBQ3XCSXK','inngest/function.invoked','{"_inngest":{"fn_id":"shop-child","correlation_id":"01M8QA0P9ND0TP2N4XM6PCGYVR.bc8d8647b02deea0ab3e715c220d041ee78cc19d","expire":1827700990318,"name":"call","source_fn_id":"shop-parent"}}',1796078590318,'',1796078590318,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0PBW7XFG9420NZQ19XGJ','under-way','{}',1796078590332,'',1796078590332,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0PCG5EEFRD1VHA8METK0','fail','{}',1796078590352,'',1796078590352,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0PD97M546E3JCR3CGE8Q','changed','{}',1796078590377,'',1796078590377,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0PDAA8HC8EPDB17NHWTM','inngest/function.failed','{"function_id":"shop-fail","run_id":"01M8QA0PCG5EEFRD1VHCMDH47R","event":{"id":"01M8QA0PCG5EEFRD1VHA8METK0","name":"fail","data":{},"ts":1796078590352,"user":{}},"events":[{"id":"01M8QA0PCG5EEFRD1VHA8METK0","name":"fail","data":{},"ts":1796078590352}],"_inngest":{"status":"Failed"},"error":{"error":"ValueError","name":"ValueError","message":"no stock","stack":"Traceback (most recent call last):\n  File \"tests/migrations/shop.py\", line 140, in fail\n    raise ValueError(\"no stock\")\nValueError: no stock\n"},"result":{"code":"unknown","name":"ValueError","message":"no stock","stack":"Traceback (most recent call last):\n  File \"tests/migrations/shop.py\", line 140, in fail\n    raise ValueError(\"no stock\")\nValueError: no stock\n"}}',1796078590378,'01M8QA0PCG5EEFRD1VHCMDH47R',1796078590378,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0PE06AHXXX5FVWJVY8SP','ask','{}',1796078590400,'',1796078590400,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0PEM7XW9ZTM3HH7E3HBY','served-sleep','{}',1796078590420,'',1796078590420,NULL);
INSERT INTO "inngest_events" VALUES('01M8QA0PF923GB871BTEEMTRAJ','served-call','{}',1796078590441,'',1796078590441,NULL);
CREATE TABLE inngest_functions (
	id TEXT NOT NULL, 
	app_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	version TEXT NOT NULL, 
	retries INTEGER NOT NULL, 
	events TEXT NOT NULL, 
	failure_of TEXT, 
	config TEXT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	uuid TEXT, 
	transport TEXT DEFAULT 'local' NOT NULL, 
	url TEXT, 
	archived_at BIGINT, 
	PRIMARY KEY (id)
);
INSERT INTO "inngest_functions" VALUES('shop-sleep','shop','sleep','90d2f2ad65a21896',4,'["sleep"]',NULL,'{"id": "shop-sleep", "name": "sleep", "retries": 4, "triggers": [{"event": "sleep"}]}',1796078589771,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-wait','shop','wait','0563bf4dba0d37ed',4,'["wait"]',NULL,'{"cancel": [{"event": "wait/cancel", "if": "event.data.id == async.data.id"}], "id": "shop-wait", "name": "wait", "retries": 4, "triggers": [{"event": "wait"}]}',1796078589771,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-wait-late','shop','wait-late','3ab91e0ad534131d',4,'["wait-late"]',NULL,'{"id": "shop-wait-late", "name": "wait-late", "retries": 4, "triggers": [{"event": "wait-late"}]}',1796078589771,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-debounce','shop','debounce','cff3c7b796bf9cc5',4,'["debounce"]',NULL,'{"debounce": {"key": "event.data.key", "period": "1h"}, "id": "shop-debounce", "name": "debounce", "retries": 4, "triggers": [{"event": "debounce"}]}',1796078589771,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-batch','shop','batch','2c786e0bdca6fe17',4,'["batch"]',NULL,'{"batchEvents": {"key": "event.data.key", "maxSize": 9, "timeout": "1m"}, "id": "shop-batch", "name": "batch", "retries": 4, "triggers": [{"event": "batch"}]}',1796078589771,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-lane','shop','lane','1a22e4b043ecb909',4,'["lane"]',NULL,'{"concurrency": [{"key": "event.data.key", "limit": 1}], "id": "shop-lane", "name": "lane", "priority": {"run": "event.data.priority"}, "retries": 4, "triggers": [{"event": "lane"}]}',1796078589771,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-throttle','shop','throttle','f13d4f522cd73db3',4,'["throttle"]',NULL,'{"id": "shop-throttle", "name": "throttle", "retries": 4, "throttle": {"burst": 1, "key": "event.data.key", "limit": 1, "period": "1h"}, "triggers": [{"event": "throttle"}]}',1796078589771,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-paused','shop','paused','a1f972599724984c',4,'["paused"]',NULL,'{"id": "shop-paused", "name": "paused", "retries": 4, "triggers": [{"event": "paused"}]}',1796078589771,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-retry','shop','retry','72f2ce1e58fb0a67',4,'["retry"]',NULL,'{"id": "shop-retry", "name": "retry", "retries": 4, "triggers": [{"event": "retry"}]}',1796078589771,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-child','shop','child','01af6491cb25340c',4,'["never"]',NULL,'{"id": "shop-child", "name": "child", "retries": 4, "triggers": [{"event": "never"}]}',1796078589771,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-parent','shop','parent','7decb023932f9d26',4,'["parent"]',NULL,'{"id": "shop-parent", "name": "parent", "retries": 4, "triggers": [{"event": "parent"}]}',1796078589771,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-once','shop','once','b3d00c85536e7e00',4,'["once"]',NULL,'{"id": "shop-once", "idempotency": "event.data.key", "name": "once", "rateLimit": {"key": "event.data.key", "limit": 5, "period": "1h"}, "retries": 4, "triggers": [{"event": "once"}]}',1796078589771,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-single','shop','single','47c72bac95be1f24',4,'["single"]',NULL,'{"id": "shop-single", "name": "single", "retries": 4, "singleton": {"key": "event.data.key", "mode": "skip"}, "triggers": [{"event": "single"}]}',1796078589771,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-under-way','shop','under-way','9a71dc756aa53c7a',4,'["under-way"]',NULL,'{"id": "shop-under-way", "name": "under-way", "retries": 4, "triggers": [{"event": "under-way"}]}',1796078589771,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-fail','shop','fail','c73b934800575c2f',0,'["fail"]',NULL,'{"id": "shop-fail", "name": "fail", "retries": 0, "triggers": [{"event": "fail"}]}',1796078589771,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-changed','shop','changed','d0e22083a198aee5',4,'["changed"]',NULL,'{"id": "shop-changed", "name": "changed", "retries": 4, "triggers": [{"event": "changed"}]}',1796078589771,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-ask','shop','ask','57891f937e7f8554',1,'["ask"]',NULL,'{"id": "shop-ask", "name": "ask", "retries": 1, "triggers": [{"event": "ask"}]}',1796078589771,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-served-sleep','served','served-sleep','4e2622fc92c68f2c',3,'["served-sleep"]',NULL,'{"id": "shop-served-sleep", "name": "served-sleep", "retries": 3, "triggers": [{"event": "served-sleep"}]}',1796078589850,'c87504b8-b6cd-5dcb-a7ef-169dcfb45636','http','http://127.0.0.1:45733/?fnId=shop-served-sleep&stepId=step',NULL);
INSERT INTO "inngest_functions" VALUES('shop-served-call','served','served-call','3235893690a6ebb7',3,'["served-call"]',NULL,'{"id": "shop-served-call", "name": "served-call", "retries": 3, "triggers": [{"event": "served-call"}]}',1796078589850,'f256da5e-bc49-51b7-806b-93dbc2d092cf','http','http://127.0.0.1:45733/?fnId=shop-served-call&stepId=step',NULL);
CREATE TABLE inngest_idempotency (
	function_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	PRIMARY KEY (function_id, "key")
)
 WITHOUT ROWID

;
INSERT INTO "inngest_idempotency" VALUES('shop-once','22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f','01M8QA0PAM68X9DBBDENX7Z4G0',1796164990292);
CREATE TABLE inngest_inbox (
	run_id TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	data TEXT, 
	error TEXT, 
	arrived_at BIGINT NOT NULL, 
	attempt INTEGER NOT NULL, 
	started_at BIGINT, 
	metadata TEXT, 
	event_id TEXT, 
	PRIMARY KEY (run_id, hash)
)
 WITHOUT ROWID

;
CREATE TABLE inngest_jobs (
	id TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	function_id TEXT NOT NULL, 
	due_at BIGINT NOT NULL, 
	queue_class INTEGER NOT NULL, 
	lane TEXT NOT NULL, 
	start INTEGER NOT NULL, 
	score BIGINT NOT NULL, 
	shift INTEGER DEFAULT '0' NOT NULL, 
	held_at BIGINT, 
	held_by TEXT, 
	PRIMARY KEY (id)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_jobs" VALUES('01M8QA0P1ADMZ2ZK0NWYW1ZP1S','01M8QA0NYEEX46FH1MDYN6T3Y4','shop-sleep',1796082189994,0,'',0,1796082189994,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8QA0P1B0G4M08T2RZEYPJXG','01M8QA0NZH3PP6FNYJEC90WMDP','shop-wait',1821998589995,0,'',0,1821998589995,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8QA0P1T1PTRGRPVDPGJWA01','01M8QA0P0S3ZRAFPMAVPNQTVAP','shop-wait-late',1796082190010,0,'',0,1796082190010,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8QA0P5F2G04KK1BHK7R4G4C','01M8QA0P5F2G04KK1BHG33N4HM','shop-lane',1796078590127,0,'["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]',1,1796078590127,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8QA0P5VCQJQD910Y744WZXD','01M8QA0P5VCQJQD910Y4CR3PFH','shop-lane',1796078590139,0,'["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]',1,1796078590139,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8QA0P6T5SGHBVJGR1XNG604','01M8QA0P6T5SGHBVJGQZ4SQMG5','shop-throttle',1796078590170,0,'["shop-throttle",[],"shop-throttle:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]',1,1796078590170,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8QA0P7BAYXJ5HSDXWH9TME7','01M8QA0P7BAYXJ5HSDXRKP7RTG','shop-paused',1796078590187,0,'',0,1796078590187,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8QA0P82AC2FCGYK6AF7D0A8','01M8QA0P82AC2FCGYK68EKAK3G','shop-paused',1796078590210,0,'',0,1796078590210,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8QA0PAN3B8XT9C4ER4DGD1G','01M8QA0P8G138K0SCQAKT1HKRA','shop-retry',1796078609568,0,'',0,1796078609568,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8QA0PBE7S0BBM3QBW7WAV3S','01M8QA0P9ND0TP2N4XM6PCGYVR','shop-parent',1827700990318,0,'',0,1827700990318,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8QA0PE68C4HQMTMNMX2WP27','01M8QA0PAM68X9DBBDENX7Z4G0','shop-once',1796082190406,0,'',0,1796082190406,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8QA0PE68C4HQMTMNPNRYAQ6','01M8QA0PB70FSR53EB1C3HW02D','shop-single',1796082190406,0,'',0,1796082190406,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8QA0PE68C4HQMTMNT08DVVN','01M8QA0PBE7S0BBM3QBRF2G1P4','shop-child',1796082190406,0,'',0,1796082190406,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8QA0PG33R1BCB2Z6N2N67YM','01M8QA0PE06AHXXX5FVYHJREF4','shop-ask',1827700990467,0,'',0,1827700990467,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8QA0PJM0ZK99JKSA0NWDPZH','01M8QA0PEM7XW9ZTM3HMRW719Y','shop-served-sleep',1796082190525,0,'',0,1796082190525,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8QA0QK684XAA1WXEN461R9D','01M8QA0PDAA8HC8EPDB1SZZ9NH','shop-changed',1796078592590,2,'',0,1796078592590,0,1796078591590,'c11e4c4140779ec3b1491250');
CREATE TABLE inngest_kept_slots (
	run_id TEXT NOT NULL, 
	token TEXT NOT NULL, 
	session_id TEXT NOT NULL, 
	function_id TEXT NOT NULL, 
	lane TEXT NOT NULL, 
	slots INTEGER NOT NULL, 
	since BIGINT NOT NULL, 
	PRIMARY KEY (run_id, token)
)
 WITHOUT ROWID

;
CREATE TABLE inngest_lanes (
	id TEXT NOT NULL, 
	function_id TEXT NOT NULL, 
	ready_at BIGINT, 
	blocked_on TEXT, 
	blocked_at INTEGER, 
	turn TEXT NOT NULL, 
	PRIMARY KEY (id)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_lanes" VALUES('["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]','shop-lane',NULL,'fn:shop-lane:21f95626:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f',1,'01M8QA0P5F2G04KK1BHNF6VSR0');
INSERT INTO "inngest_lanes" VALUES('["shop-throttle",[],"shop-throttle:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]','shop-throttle',1796082190187,NULL,NULL,'01M8QA0P8G138K0SCQAPAF05A9');
CREATE TABLE inngest_meta (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "inngest_meta" VALUES('revision','0004');
INSERT INTO "inngest_meta" VALUES('min_compatible','0004');
INSERT INTO "inngest_meta" VALUES('generation','3');
INSERT INTO "inngest_meta" VALUES('time','1796078591590');
CREATE TABLE inngest_metadata (
	run_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	hash TEXT, 
	attempt INTEGER, 
	kind TEXT NOT NULL, 
	name TEXT NOT NULL, 
	op TEXT NOT NULL, 
	value TEXT NOT NULL, 
	size INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (run_id, id)
)
 WITHOUT ROWID

;
CREATE TABLE inngest_parcels (
	id TEXT NOT NULL, 
	part INTEGER NOT NULL, 
	events TEXT NOT NULL, 
	PRIMARY KEY (id, part)
)
 WITHOUT ROWID

;
CREATE TABLE inngest_pauses (
	function_id TEXT NOT NULL, 
	on_event TEXT NOT NULL, 
	since BIGINT NOT NULL, 
	PRIMARY KEY (function_id)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_pauses" VALUES('shop-paused','queue',1796078589890);
CREATE TABLE inngest_rates (
	function_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	started_at BIGINT NOT NULL, 
	run_id TEXT NOT NULL, 
	PRIMARY KEY (function_id, "key", started_at, run_id)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_rates" VALUES('shop-once','22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f',1796078590292,'01M8QA0PAM68X9DBBDENX7Z4G0');
CREATE TABLE inngest_requests (
	run_id TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	request TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	retries INTEGER NOT NULL, 
	due_at BIGINT NOT NULL, 
	holder TEXT, 
	session_id TEXT, 
	host TEXT DEFAULT '-' NOT NULL, 
	PRIMARY KEY (run_id, hash)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_requests" VALUES('01M8QA0PE06AHXXX5FVYHJREF4','783923e57ba5e8f1044632c31fd806ee24814bb5','Gateway','{"url":"http://127.0.0.1:1/","method":"GET","headers":{},"body":null,"encoding":"","format":"","timeout":60000}',1,1,1796078609654,'none',NULL,'127.0.0.1:1');
CREATE TABLE inngest_runs (
	id TEXT NOT NULL, 
	function_id TEXT NOT NULL, 
	function_version TEXT NOT NULL, 
	event_id TEXT NOT NULL, 
	status TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	retries INTEGER NOT NULL, 
	started_at BIGINT, 
	ended_at BIGINT, 
	attempt INTEGER NOT NULL, 
	takeovers INTEGER NOT NULL, 
	takeover_steps INTEGER NOT NULL, 
	output TEXT, 
	error TEXT, 
	batch_id TEXT, 
	parent_id TEXT, 
	parent_hash TEXT, 
	watched INTEGER NOT NULL, 
	lane TEXT, 
	session_id TEXT, 
	token TEXT, 
	slots INTEGER NOT NULL, 
	follows INTEGER DEFAULT '0' NOT NULL, 
	code TEXT, 
	generation INTEGER DEFAULT '0' NOT NULL, 
	request_version INTEGER DEFAULT '-1' NOT NULL, 
	owed INTEGER DEFAULT '1' NOT NULL, 
	discover_at BIGINT, 
	touched INTEGER DEFAULT '0' NOT NULL, 
	origin_id TEXT, 
	origin_step TEXT, 
	PRIMARY KEY (id)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_runs" VALUES('01M8QA0NYEEX46FH1MDYN6T3Y4','shop-sleep','90d2f2ad65a21896','01M8QA0NYEEX46FH1MDYCSSMDG','RUNNING',1796078589902,4,1796078589902,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8QA0NZH3PP6FNYJEC90WMDP','shop-wait','0563bf4dba0d37ed','01M8QA0NZH3PP6FNYJE9TC4AR1','RUNNING',1796078589937,4,1796078589937,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8QA0P0S3ZRAFPMAVPNQTVAP','shop-wait-late','3ab91e0ad534131d','01M8QA0P0S3ZRAFPMAVP1JCKJT','RUNNING',1796078589977,4,1796078589977,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8QA0P4TCSF64DFE18Z8H3RV','shop-lane','1a22e4b043ecb909','01M8QA0P4TCSF64DFE16X91WQ8','RUNNING',1796078590106,4,1796078590106,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,'["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]','c11e4c4140779ec3b1491250','ea204a0fc933419f33a63b12',1,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8QA0P5F2G04KK1BHG33N4HM','shop-lane','1a22e4b043ecb909','01M8QA0P5F2G04KK1BHCASM8AM','QUEUED',1796078590127,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,'["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]',NULL,NULL,0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8QA0P5VCQJQD910Y4CR3PFH','shop-lane','1a22e4b043ecb909','01M8QA0P5VCQJQD910Y49EACA5','QUEUED',1796078590139,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,'["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]',NULL,NULL,0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8QA0P69E2CMP85TEZHZ7BDG','shop-throttle','f13d4f522cd73db3','01M8QA0P69E2CMP85TEWM2ZK5R','COMPLETED',1796078590153,4,1796078590187,1796078590275,0,0,0,'1',NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,1,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8QA0P6T5SGHBVJGQZ4SQMG5','shop-throttle','f13d4f522cd73db3','01M8QA0P6T5SGHBVJGQY4Y8AQM','QUEUED',1796078590170,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8QA0P7BAYXJ5HSDXRKP7RTG','shop-paused','a1f972599724984c','01M8QA0P7BAYXJ5HSDXQ47FS22','QUEUED',1796078590187,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8QA0P82AC2FCGYK68EKAK3G','shop-paused','a1f972599724984c','01M8QA0P82AC2FCGYK65KPSACC','QUEUED',1796078590210,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8QA0P8G138K0SCQAKT1HKRA','shop-retry','72f2ce1e58fb0a67','01M8QA0P8G138K0SCQAKKPJQGW','RUNNING',1796078590224,4,1796078590224,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8QA0P9ND0TP2N4XM6PCGYVR','shop-parent','7decb023932f9d26','01M8QA0P9ND0TP2N4XM5W3B5K3','RUNNING',1796078590261,4,1796078590274,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,1,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8QA0PAM68X9DBBDENX7Z4G0','shop-once','b3d00c85536e7e00','01M8QA0PAM68X9DBBDEJN93937','RUNNING',1796078590292,4,1796078590341,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,1,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8QA0PB70FSR53EB1C3HW02D','shop-single','47c72bac95be1f24','01M8QA0PB70FSR53EB1BF1WRX8','RUNNING',1796078590311,4,1796078590341,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,1,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8QA0PBE7S0BBM3QBRF2G1P4','shop-child','01af6491cb25340c','01M8QA0PBE7S0BBM3QBQ3XCSXK','RUNNING',1796078590318,4,1796078590341,NULL,0,0,0,NULL,NULL,NULL,'01M8QA0P9ND0TP2N4XM6PCGYVR','bc8d8647b02deea0ab3e715c220d041ee78cc19d',0,NULL,NULL,NULL,0,0,NULL,1,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8QA0PBW7XFG9420P18NV5PA','shop-under-way','9a71dc756aa53c7a','01M8QA0PBW7XFG9420NZQ19XGJ','RUNNING',1796078590332,4,1796078590332,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,'c11e4c4140779ec3b1491250','2bc5eda8230dc32b7412d0b7',0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8QA0PCG5EEFRD1VHCMDH47R','shop-fail','c73b934800575c2f','01M8QA0PCG5EEFRD1VHA8METK0','FAILED',1796078590352,0,1796078590352,1796078590378,0,0,0,NULL,'{"name": "ValueError", "message": "no stock", "stack": "Traceback (most recent call last):\n  File \"tests/migrations/shop.py\", line 140, in fail\n    raise ValueError(\"no stock\")\nValueError: no stock\n", "code": "unknown"}',NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8QA0PDAA8HC8EPDB1SZZ9NH','shop-changed','d0e22083a198aee5','01M8QA0PD97M546E3JCR3CGE8Q','RUNNING',1796078590377,4,1796078590377,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,'{"hold":{"sign":"called","step":"first","call":"renamed","detail":"","times":1,"since":1796078591590,"at":1796078591590},"holds":1,"patches":[],"unasked":[],"threaded":false}',1,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8QA0PE06AHXXX5FVYHJREF4','shop-ask','57891f937e7f8554','01M8QA0PE06AHXXX5FVWJVY8SP','RUNNING',1796078590400,1,1796078590401,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,1,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8QA0PEM7XW9ZTM3HMRW719Y','shop-served-sleep','4e2622fc92c68f2c','01M8QA0PEM7XW9ZTM3HH7E3HBY','RUNNING',1796078590420,3,1796078590420,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,1,0,0,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8QA0PF923GB871BTGSR448X','shop-served-call','3235893690a6ebb7','01M8QA0PF923GB871BTEEMTRAJ','RUNNING',1796078590441,3,1796078590441,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,'c11e4c4140779ec3b1491250','a67b4e8542d10fdb691335d9',0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
CREATE TABLE inngest_sessions (
	id TEXT NOT NULL, 
	started_at BIGINT NOT NULL, 
	host TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	functions TEXT NOT NULL, 
	writer TEXT, 
	executing TEXT, 
	ended TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "inngest_sessions" VALUES('c11e4c4140779ec3b1491250',1796078589746,'elsewhere',1,'["shop-ask", "shop-batch", "shop-changed", "shop-child", "shop-debounce", "shop-fail", "shop-lane", "shop-once", "shop-parent", "shop-paused", "shop-retry", "shop-single", "shop-sleep", "shop-throttle", "shop-under-way", "shop-wait", "shop-wait-late", "*"]','65c0a56914613b241175df70',NULL,NULL);
CREATE TABLE inngest_singletons (
	function_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	PRIMARY KEY (function_id, "key")
)
 WITHOUT ROWID

;
INSERT INTO "inngest_singletons" VALUES('shop-single','22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f','01M8QA0PB70FSR53EB1C3HW02D');
CREATE TABLE inngest_steps (
	run_id TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	step_id TEXT NOT NULL, 
	repeat INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	seq INTEGER, 
	attempt INTEGER NOT NULL, 
	started_at BIGINT NOT NULL, 
	due_at BIGINT, 
	ended_at BIGINT, 
	data TEXT, 
	error TEXT, 
	cancelled INTEGER NOT NULL, 
	metadata TEXT, 
	mode TEXT, 
	op TEXT, 
	PRIMARY KEY (run_id, hash)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_steps" VALUES('01M8QA0NYEEX46FH1MDYN6T3Y4','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1796078589994,1796082189994,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8QA0NYEEX46FH1MDYN6T3Y4','e0996a37c13d44c3b06074939d43fa3759bd32c1','first',0,'StepRun',0,0,1796078589937,NULL,1796078589937,'"sleep"',NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8QA0NZH3PP6FNYJEC90WMDP','9e1f1120d2eedc498808e1d855cfdbbd5564f22b','paid',0,'WaitForEvent',NULL,0,1796078589995,1821998589995,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8QA0P0S3ZRAFPMAVPNQTVAP','85777c03b72554cd08e721b6148dc27d2a50a7a6','never',0,'WaitForEvent',NULL,0,1796078590010,1796082190010,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8QA0P8G138K0SCQAKT1HKRA','0612bcf5b16a1ec368ef4ebb92d6be2f7040260b','flaky',0,'StepRun',NULL,1,1796078590261,1796078609568,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8QA0P9ND0TP2N4XM6PCGYVR','bc8d8647b02deea0ab3e715c220d041ee78cc19d','call',0,'InvokeFunction',NULL,0,1796078590318,1827700990318,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8QA0PAM68X9DBBDENX7Z4G0','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1796078590406,1796082190406,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8QA0PB70FSR53EB1C3HW02D','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1796078590406,1796082190406,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8QA0PBE7S0BBM3QBRF2G1P4','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1796078590406,1796082190406,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8QA0PBW7XFG9420P18NV5PA','51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d','before',0,'StepRun',0,0,1796078590362,NULL,1796078590363,'"before"',NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8QA0PDAA8HC8EPDB1SZZ9NH','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',1,0,1796078590421,NULL,1796078590502,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8QA0PDAA8HC8EPDB1SZZ9NH','e0996a37c13d44c3b06074939d43fa3759bd32c1','first',0,'StepRun',0,0,1796078590401,NULL,1796078590401,'"changed"',NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8QA0PE06AHXXX5FVYHJREF4','783923e57ba5e8f1044632c31fd806ee24814bb5','get',0,'Gateway',NULL,0,1796078590467,1827700990467,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8QA0PEM7XW9ZTM3HMRW719Y','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1796078590525,1796082190525,NULL,NULL,NULL,0,NULL,'wait',NULL);
INSERT INTO "inngest_steps" VALUES('01M8QA0PEM7XW9ZTM3HMRW719Y','e0996a37c13d44c3b06074939d43fa3759bd32c1','first',0,'StepRun',0,0,1796078590441,NULL,1796078590467,'"served"',NULL,0,NULL,NULL,NULL);
CREATE TABLE inngest_throttles (
	id TEXT NOT NULL, 
	tat BIGINT NOT NULL, 
	PRIMARY KEY (id)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_throttles" VALUES('shop-throttle:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f',1796082190187000);
CREATE TABLE inngest_timers (
	id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	due_at BIGINT NOT NULL, 
	payload TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (kind, "key")
)
 WITHOUT ROWID

;
INSERT INTO "inngest_timers" VALUES('545a99a476a9d30635462598','batch','["shop-batch", "\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]',1796078650059,'["shop-batch", "2c786e0bdca6fe17", 4, "01M8QA0P3BF9W7B1HK8NW0KDG6", "01M8QA0P3BF9W7B1HK8EMN5RXJ", 2, 842]');
INSERT INTO "inngest_timers" VALUES('b8c3ab7bb6f39fbd7e4bdbea','debounce','["shop-debounce", "\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]',1796082190045,'["shop-debounce", "cff3c7b796bf9cc5", 4, "01M8QA0P2XAZSBSAF0H1N7AMCF", 1796078590045, 1796078590009]');
CREATE TABLE inngest_troubles (
	"key" TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	error TEXT NOT NULL, 
	tries INTEGER NOT NULL, 
	since BIGINT NOT NULL, 
	until BIGINT NOT NULL, 
	PRIMARY KEY ("key", kind)
)
 WITHOUT ROWID

;
CREATE TABLE inngest_waits (
	run_id TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	topic TEXT NOT NULL, 
	path TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	expression TEXT NOT NULL, 
	parameters TEXT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	opened BIGINT NOT NULL, 
	PRIMARY KEY (run_id, hash)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_waits" VALUES('01M8QA0NZH3PP6FNYJEC90WMDP','9e1f1120d2eedc498808e1d855cfdbbd5564f22b','step','event:wait/paid','["data","id"]','1','','[1]',1821998589995,0);
INSERT INTO "inngest_waits" VALUES('01M8QA0NZH3PP6FNYJEC90WMDP','cancel:0','cancel','event:wait/cancel','["data","id"]','1','','[1]',1827700989937,0);
INSERT INTO "inngest_waits" VALUES('01M8QA0P0S3ZRAFPMAVPNQTVAP','85777c03b72554cd08e721b6148dc27d2a50a7a6','step','event:never','','','','[]',1796082190010,0);
INSERT INTO "inngest_waits" VALUES('01M8QA0P9ND0TP2N4XM6PCGYVR','bc8d8647b02deea0ab3e715c220d041ee78cc19d','invoke','invoke:shop-child','','','','[]',1827700990318,0);
INSERT INTO "inngest_waits" VALUES('01M8QA0PE06AHXXX5FVYHJREF4','783923e57ba5e8f1044632c31fd806ee24814bb5','request','request:GET http://127.0.0.1:1/','','','','[]',1827700990467,0);
CREATE TABLE inngest_woken (
	run_id TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	event_id TEXT NOT NULL, 
	cancelled INTEGER NOT NULL, 
	PRIMARY KEY (run_id, hash, event_id)
)
 WITHOUT ROWID

;
CREATE TABLE inngest_writers (
	id TEXT NOT NULL, 
	batch BIGINT NOT NULL, 
	PRIMARY KEY (id)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_writers" VALUES('65c0a56914613b241175df70',38);
CREATE INDEX inngest_batches_by_event ON inngest_batches (event_id);
CREATE INDEX inngest_cancellations_by_function ON inngest_cancellations (function_id, started_before);
CREATE INDEX inngest_events_by_age ON inngest_events (received_at, id);
CREATE INDEX inngest_events_by_name ON inngest_events (name, received_at, id);
CREATE INDEX inngest_idempotency_by_end ON inngest_idempotency (expires_at);
CREATE INDEX inngest_inbox_by_event ON inngest_inbox (event_id) WHERE event_id IS NOT NULL;
CREATE INDEX inngest_jobs_by_function ON inngest_jobs (function_id, queue_class, lane, start, score, id);
CREATE INDEX inngest_jobs_by_hold ON inngest_jobs (function_id, held_by, held_at) WHERE held_at IS NOT NULL;
CREATE INDEX inngest_jobs_by_run ON inngest_jobs (run_id);
CREATE INDEX inngest_kept_slots_by_session ON inngest_kept_slots (session_id);
CREATE INDEX inngest_lanes_by_budget ON inngest_lanes (blocked_on, function_id, blocked_at, turn);
CREATE INDEX inngest_lanes_by_function ON inngest_lanes (function_id, ready_at, turn);
CREATE INDEX inngest_rates_by_start ON inngest_rates (started_at);
CREATE INDEX inngest_requests_by_due ON inngest_requests (session_id, holder, due_at, run_id, hash);
CREATE INDEX inngest_requests_by_holder ON inngest_requests (holder);
CREATE INDEX inngest_requests_by_host ON inngest_requests (session_id, holder, host, due_at, run_id, hash);
CREATE INDEX inngest_runs_by_batch ON inngest_runs (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX inngest_runs_by_end ON inngest_runs (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX inngest_runs_by_event ON inngest_runs (event_id);
CREATE INDEX inngest_runs_by_origin ON inngest_runs (origin_id) WHERE origin_id IS NOT NULL;
CREATE INDEX inngest_runs_by_parent ON inngest_runs (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX inngest_runs_by_session ON inngest_runs (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX inngest_singletons_by_run ON inngest_singletons (run_id);
CREATE INDEX inngest_timers_by_due ON inngest_timers (due_at);
CREATE INDEX inngest_troubles_by_end ON inngest_troubles (until);
CREATE INDEX inngest_waits_by_topic ON inngest_waits (topic, path, "key", run_id, hash);
CREATE INDEX inngest_woken_by_event ON inngest_woken (event_id);
COMMIT;
