-- 1795980620704
BEGIN TRANSACTION;
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
INSERT INTO "inngest_attempts" VALUES('01M8MCJWVS3HBD7GB3KQR5TTZH','0612bcf5b16a1ec368ef4ebb92d6be2f7040260b',0,1795980620668,1795980620667,'{"name": "RuntimeError", "message": "busy", "stack": "Traceback (most recent call last):\n  File \"tests/migrations/shop.py\", line 162, in flaky\n    raise RuntimeError(\"busy\")\nRuntimeError: busy\n", "code": "unknown"}');
CREATE TABLE inngest_batches (
	batch_id TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	event_id TEXT NOT NULL, 
	PRIMARY KEY (batch_id, position)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_batches" VALUES('["shop-debounce", "sha256:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]',0,'01M8MCJWTZBFJRZY5Y80R2ZH1R');
INSERT INTO "inngest_batches" VALUES('01M8MCJWV6865CH13JRTR8NE94',0,'01M8MCJWV6865CH13JRNJ1QFHH');
INSERT INTO "inngest_batches" VALUES('01M8MCJWV6865CH13JRTR8NE94',1,'01M8MCJWV7B79JSZPMWA3RDG0W');
CREATE TABLE inngest_budgets (
	budget TEXT NOT NULL, 
	used INTEGER NOT NULL, 
	PRIMARY KEY (budget)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_budgets" VALUES('fn:shop-lane:21f95626:sha256:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f',1);
CREATE TABLE inngest_events (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	data TEXT NOT NULL, 
	ts BIGINT NOT NULL, 
	"key" TEXT NOT NULL, 
	received_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "inngest_events" VALUES('01M8MCJWTFDTWWD7ZE2T89J1ZZ','sleep','{}',1795980620623,'',1795980620623);
INSERT INTO "inngest_events" VALUES('01M8MCJWTK9NAXW94H9KZCQQNN','wait','{"id":1}',1795980620627,'',1795980620627);
INSERT INTO "inngest_events" VALUES('01M8MCJWTS34MV31XYGNXQ49KR','wait-late','{}',1795980620633,'',1795980620633);
INSERT INTO "inngest_events" VALUES('01M8MCJWTW508YCT2KHT813E4H','debounce','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":1}',1795980620636,'',1795980620636);
INSERT INTO "inngest_events" VALUES('01M8MCJWTZBFJRZY5Y80R2ZH1R','debounce','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":2}',1795980620639,'',1795980620639);
INSERT INTO "inngest_events" VALUES('01M8MCJWV6865CH13JRNJ1QFHH','batch','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":1}',1795980620646,'',1795980620646);
INSERT INTO "inngest_events" VALUES('01M8MCJWV7B79JSZPMWA3RDG0W','batch','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":2}',1795980620647,'',1795980620647);
INSERT INTO "inngest_events" VALUES('01M8MCJWV7B79JSZPMWHQ6EENS','lane','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":1,"priority":0}',1795980620647,'',1795980620647);
INSERT INTO "inngest_events" VALUES('01M8MCJWVAAFY371CC7SW1CSAA','lane','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":2,"priority":0}',1795980620650,'',1795980620650);
INSERT INTO "inngest_events" VALUES('01M8MCJWVC9MM3TMDVXQHD0MA0','lane','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":3,"priority":0}',1795980620652,'',1795980620652);
INSERT INTO "inngest_events" VALUES('01M8MCJWVF0XNG81JBAQTAX3Z0','throttle','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":1}',1795980620655,'',1795980620655);
INSERT INTO "inngest_events" VALUES('01M8MCJWVHCC6EWGV3AKQMG53J','throttle','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":2}',1795980620657,'',1795980620657);
INSERT INTO "inngest_events" VALUES('01M8MCJWVK179HM4DRPR6JF9CG','paused','{"number":1}',1795980620659,'',1795980620659);
INSERT INTO "inngest_events" VALUES('01M8MCJWVQAN1TB2R6QJ0MZ525','paused','{"number":2}',1795980620663,'',1795980620663);
INSERT INTO "inngest_events" VALUES('01M8MCJWVS3HBD7GB3KMTY28BH','retry','{}',1795980620665,'',1795980620665);
INSERT INTO "inngest_events" VALUES('01M8MCJWVT11B0YQ5PES3RDA4N','parent','{}',1795980620666,'',1795980620666);
INSERT INTO "inngest_events" VALUES('01M8MCJWVV31P84N14KE43KKKJ','once','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-"}',1795980620667,'',1795980620667);
INSERT INTO "inngest_events" VALUES('01M8MCJWW23E9ZJXZWFGC7AYPW','single','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-"}',1795980620674,'',1795980620674);
INSERT INTO "inngest_events" VALUES('01M8MCJWW23E9ZJXZWFGMZGQ6F','inngest/function.invoked','{"_inngest":{"fn_id":"shop-child","correlation_id":"01M8MCJWVT11B0YQ5PETJFH1MT.bc8d8647b02deea0ab3e715c220d041ee78cc19d","expire":1827603020674,"name":"call","source_fn_id":"shop-parent"}}',1795980620674,'',1795980620674);
INSERT INTO "inngest_events" VALUES('01M8MCJWW553J3NDR1FZ6WTV81','under-way','{}',1795980620677,'',1795980620677);
INSERT INTO "inngest_events" VALUES('01M8MCJWW7FBEQ33WCDH0RCNCR','fail','{}',1795980620679,'',1795980620679);
INSERT INTO "inngest_events" VALUES('01M8MCJWWB2QQPG9DDAR40T146','inngest/function.failed','{"function_id":"shop-fail","run_id":"01M8MCJWW7FBEQ33WCDHYXQW28","event":{"id":"01M8MCJWW7FBEQ33WCDH0RCNCR","name":"fail","data":{},"ts":1795980620679,"user":{}},"events":[{"id":"01M8MCJWW7FBEQ33WCDH0RCNCR","name":"fail","data":{},"ts":1795980620679}],"_inngest":{"status":"Failed"},"error":{"error":"ValueError","name":"ValueError","message":"no stock","stack":"Traceback (most recent call last):\n  File \"tests/migrations/shop.py\", line 137, in fail\n    raise ValueError(\"no stock\")\nValueError: no stock\n"},"result":{"code":"unknown","name":"ValueError","message":"no stock","stack":"Traceback (most recent call last):\n  File \"tests/migrations/shop.py\", line 137, in fail\n    raise ValueError(\"no stock\")\nValueError: no stock\n"}}',1795980620683,'01M8MCJWW7FBEQ33WCDHYXQW28',1795980620683);
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
	PRIMARY KEY (id)
);
INSERT INTO "inngest_functions" VALUES('shop-sleep','shop','sleep','90d2f2ad65a21896',4,'["sleep"]',NULL,'{"id": "shop-sleep", "name": "sleep", "retries": 4, "triggers": [{"event": "sleep"}]}',1795980620593);
INSERT INTO "inngest_functions" VALUES('shop-wait','shop','wait','0563bf4dba0d37ed',4,'["wait"]',NULL,'{"cancel": [{"event": "wait/cancel", "if": "event.data.id == async.data.id"}], "id": "shop-wait", "name": "wait", "retries": 4, "triggers": [{"event": "wait"}]}',1795980620593);
INSERT INTO "inngest_functions" VALUES('shop-wait-late','shop','wait-late','3ab91e0ad534131d',4,'["wait-late"]',NULL,'{"id": "shop-wait-late", "name": "wait-late", "retries": 4, "triggers": [{"event": "wait-late"}]}',1795980620593);
INSERT INTO "inngest_functions" VALUES('shop-debounce','shop','debounce','cff3c7b796bf9cc5',4,'["debounce"]',NULL,'{"debounce": {"key": "event.data.key", "period": "1h"}, "id": "shop-debounce", "name": "debounce", "retries": 4, "triggers": [{"event": "debounce"}]}',1795980620593);
INSERT INTO "inngest_functions" VALUES('shop-batch','shop','batch','2c786e0bdca6fe17',4,'["batch"]',NULL,'{"batchEvents": {"key": "event.data.key", "maxSize": 9, "timeout": "1m"}, "id": "shop-batch", "name": "batch", "retries": 4, "triggers": [{"event": "batch"}]}',1795980620593);
INSERT INTO "inngest_functions" VALUES('shop-lane','shop','lane','1a22e4b043ecb909',4,'["lane"]',NULL,'{"concurrency": [{"key": "event.data.key", "limit": 1}], "id": "shop-lane", "name": "lane", "priority": {"run": "event.data.priority"}, "retries": 4, "triggers": [{"event": "lane"}]}',1795980620593);
INSERT INTO "inngest_functions" VALUES('shop-throttle','shop','throttle','f13d4f522cd73db3',4,'["throttle"]',NULL,'{"id": "shop-throttle", "name": "throttle", "retries": 4, "throttle": {"burst": 1, "key": "event.data.key", "limit": 1, "period": "1h"}, "triggers": [{"event": "throttle"}]}',1795980620593);
INSERT INTO "inngest_functions" VALUES('shop-paused','shop','paused','a1f972599724984c',4,'["paused"]',NULL,'{"id": "shop-paused", "name": "paused", "retries": 4, "triggers": [{"event": "paused"}]}',1795980620593);
INSERT INTO "inngest_functions" VALUES('shop-retry','shop','retry','72f2ce1e58fb0a67',4,'["retry"]',NULL,'{"id": "shop-retry", "name": "retry", "retries": 4, "triggers": [{"event": "retry"}]}',1795980620593);
INSERT INTO "inngest_functions" VALUES('shop-child','shop','child','01af6491cb25340c',4,'["never"]',NULL,'{"id": "shop-child", "name": "child", "retries": 4, "triggers": [{"event": "never"}]}',1795980620593);
INSERT INTO "inngest_functions" VALUES('shop-parent','shop','parent','7decb023932f9d26',4,'["parent"]',NULL,'{"id": "shop-parent", "name": "parent", "retries": 4, "triggers": [{"event": "parent"}]}',1795980620593);
INSERT INTO "inngest_functions" VALUES('shop-once','shop','once','b3d00c85536e7e00',4,'["once"]',NULL,'{"id": "shop-once", "idempotency": "event.data.key", "name": "once", "rateLimit": {"key": "event.data.key", "limit": 5, "period": "1h"}, "retries": 4, "triggers": [{"event": "once"}]}',1795980620593);
INSERT INTO "inngest_functions" VALUES('shop-single','shop','single','47c72bac95be1f24',4,'["single"]',NULL,'{"id": "shop-single", "name": "single", "retries": 4, "singleton": {"key": "event.data.key", "mode": "skip"}, "triggers": [{"event": "single"}]}',1795980620593);
INSERT INTO "inngest_functions" VALUES('shop-under-way','shop','under-way','9a71dc756aa53c7a',4,'["under-way"]',NULL,'{"id": "shop-under-way", "name": "under-way", "retries": 4, "triggers": [{"event": "under-way"}]}',1795980620593);
INSERT INTO "inngest_functions" VALUES('shop-fail','shop','fail','c73b934800575c2f',0,'["fail"]',NULL,'{"id": "shop-fail", "name": "fail", "retries": 0, "triggers": [{"event": "fail"}]}',1795980620593);
CREATE TABLE inngest_idempotency (
	function_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	PRIMARY KEY (function_id, "key")
)
 WITHOUT ROWID

;
INSERT INTO "inngest_idempotency" VALUES('shop-once','sha256:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f','01M8MCJWVV31P84N14KEVCB732',1796067020667);
CREATE TABLE inngest_inbox (
	run_id TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	data TEXT, 
	error TEXT, 
	arrived_at BIGINT NOT NULL, 
	attempt INTEGER NOT NULL, 
	started_at BIGINT, 
	metadata TEXT, 
	PRIMARY KEY (run_id, hash)
)
 WITHOUT ROWID

;
CREATE TABLE inngest_jobs (
	id TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	function_id TEXT NOT NULL, 
	due_at BIGINT NOT NULL, 
	alone INTEGER NOT NULL, 
	lane TEXT NOT NULL, 
	start INTEGER NOT NULL, 
	score BIGINT NOT NULL, 
	PRIMARY KEY (id)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_jobs" VALUES('01M8MCJWTZBFJRZY5Y80S32ZX1','01M8MCJWTFDTWWD7ZE2XMKC03F','shop-sleep',1795984220639,0,'',0,1795984220639);
INSERT INTO "inngest_jobs" VALUES('01M8MCJWTZBFJRZY5Y8160ZVWN','01M8MCJWTK9NAXW94H9N049GJN','shop-wait',1821900620639,0,'',0,1821900620639);
INSERT INTO "inngest_jobs" VALUES('01M8MCJWV0E2YWMWK3C85C3PAA','01M8MCJWTS34MV31XYGQHSDQHK','shop-wait-late',1795984220640,0,'',0,1795984220640);
INSERT INTO "inngest_jobs" VALUES('01M8MCJWVAAFY371CC7VPESKMN','01M8MCJWVAAFY371CC7TWHV8JF','shop-lane',1795980620650,0,'["shop-lane",["fn:shop-lane:21f95626:sha256:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]',1,1795980620650);
INSERT INTO "inngest_jobs" VALUES('01M8MCJWVC9MM3TMDVXTV0B4TQ','01M8MCJWVC9MM3TMDVXR2NZ4SW','shop-lane',1795980620652,0,'["shop-lane",["fn:shop-lane:21f95626:sha256:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]',1,1795980620652);
INSERT INTO "inngest_jobs" VALUES('01M8MCJWVHCC6EWGV3AVD58FQM','01M8MCJWVHCC6EWGV3AQG3GBFD','shop-throttle',1795980620657,0,'["shop-throttle",[],"shop-throttle:sha256:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]',1,1795980620657);
INSERT INTO "inngest_jobs" VALUES('01M8MCJWVK179HM4DRPVNCGDWT','01M8MCJWVK179HM4DRPRDHG0B7','shop-paused',1795980620659,2,'',0,1795980620659);
INSERT INTO "inngest_jobs" VALUES('01M8MCJWVQAN1TB2R6QNRVA3JW','01M8MCJWVQAN1TB2R6QJ82ECEW','shop-paused',1795980620663,2,'',0,1795980620663);
INSERT INTO "inngest_jobs" VALUES('01M8MCJWW23E9ZJXZWFPSY1XCB','01M8MCJWVS3HBD7GB3KQR5TTZH','shop-retry',1795980665611,0,'',0,1795980665611);
INSERT INTO "inngest_jobs" VALUES('01M8MCJWW23E9ZJXZWFPTQSS66','01M8MCJWVT11B0YQ5PETJFH1MT','shop-parent',1827603020674,0,'',0,1827603020674);
INSERT INTO "inngest_jobs" VALUES('01M8MCJWW65N7NAHZGK6Z0CJ7J','01M8MCJWVV31P84N14KEVCB732','shop-once',1795984220678,0,'',0,1795984220678);
INSERT INTO "inngest_jobs" VALUES('01M8MCJWW7FBEQ33WCDNY6CMWM','01M8MCJWW23E9ZJXZWFJGFV2W7','shop-single',1795984220679,0,'',0,1795984220679);
INSERT INTO "inngest_jobs" VALUES('01M8MCJWW7FBEQ33WCDRK6MP0W','01M8MCJWW23E9ZJXZWFNKKEB5T','shop-child',1795984220679,0,'',0,1795984220679);
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
INSERT INTO "inngest_lanes" VALUES('["shop-lane",["fn:shop-lane:21f95626:sha256:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]','shop-lane',NULL,'fn:shop-lane:21f95626:sha256:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f',1,'01M8MCJWVAAFY371CC7XTW4AWZ');
INSERT INTO "inngest_lanes" VALUES('["shop-throttle",[],"shop-throttle:sha256:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]','shop-throttle',1795984220657,NULL,NULL,'01M8MCJWVHCC6EWGV3AXFESFH0');
CREATE TABLE inngest_meta (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "inngest_meta" VALUES('revision','0001');
INSERT INTO "inngest_meta" VALUES('min_compatible','0001');
INSERT INTO "inngest_meta" VALUES('generation','2');
CREATE TABLE inngest_pauses (
	function_id TEXT NOT NULL, 
	on_event TEXT NOT NULL, 
	since BIGINT NOT NULL, 
	PRIMARY KEY (function_id)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_pauses" VALUES('shop-paused','queue',1795980620617);
CREATE TABLE inngest_rates (
	function_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	started_at BIGINT NOT NULL, 
	run_id TEXT NOT NULL, 
	PRIMARY KEY (function_id, "key", started_at, run_id)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_rates" VALUES('shop-once','sha256:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f',1795980620667,'01M8MCJWVV31P84N14KEVCB732');
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
	PRIMARY KEY (run_id, hash)
)
 WITHOUT ROWID

;
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
	PRIMARY KEY (id)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_runs" VALUES('01M8MCJWTFDTWWD7ZE2XMKC03F','shop-sleep','90d2f2ad65a21896','01M8MCJWTFDTWWD7ZE2T89J1ZZ','RUNNING',1795980620623,4,1795980620627,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8MCJWTK9NAXW94H9N049GJN','shop-wait','0563bf4dba0d37ed','01M8MCJWTK9NAXW94H9KZCQQNN','RUNNING',1795980620627,4,1795980620633,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8MCJWTS34MV31XYGQHSDQHK','shop-wait-late','3ab91e0ad534131d','01M8MCJWTS34MV31XYGNXQ49KR','RUNNING',1795980620633,4,1795980620636,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8MCJWV7B79JSZPMWN7RKHFF','shop-lane','1a22e4b043ecb909','01M8MCJWV7B79JSZPMWHQ6EENS','RUNNING',1795980620647,4,1795980620647,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,'["shop-lane",["fn:shop-lane:21f95626:sha256:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]','3bac5f54d650a9362d887e75','cb6dff1bcffec98ec69d2f0f',1);
INSERT INTO "inngest_runs" VALUES('01M8MCJWVAAFY371CC7TWHV8JF','shop-lane','1a22e4b043ecb909','01M8MCJWVAAFY371CC7SW1CSAA','QUEUED',1795980620650,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,'["shop-lane",["fn:shop-lane:21f95626:sha256:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]',NULL,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8MCJWVC9MM3TMDVXR2NZ4SW','shop-lane','1a22e4b043ecb909','01M8MCJWVC9MM3TMDVXQHD0MA0','QUEUED',1795980620652,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,'["shop-lane",["fn:shop-lane:21f95626:sha256:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]',NULL,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8MCJWVF0XNG81JBAS131V3X','shop-throttle','f13d4f522cd73db3','01M8MCJWVF0XNG81JBAQTAX3Z0','COMPLETED',1795980620655,4,1795980620657,1795980620660,0,0,0,'1',NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8MCJWVHCC6EWGV3AQG3GBFD','shop-throttle','f13d4f522cd73db3','01M8MCJWVHCC6EWGV3AKQMG53J','QUEUED',1795980620657,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8MCJWVK179HM4DRPRDHG0B7','shop-paused','a1f972599724984c','01M8MCJWVK179HM4DRPR6JF9CG','QUEUED',1795980620659,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8MCJWVQAN1TB2R6QJ82ECEW','shop-paused','a1f972599724984c','01M8MCJWVQAN1TB2R6QJ0MZ525','QUEUED',1795980620663,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8MCJWVS3HBD7GB3KQR5TTZH','shop-retry','72f2ce1e58fb0a67','01M8MCJWVS3HBD7GB3KMTY28BH','RUNNING',1795980620665,4,1795980620665,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8MCJWVT11B0YQ5PETJFH1MT','shop-parent','7decb023932f9d26','01M8MCJWVT11B0YQ5PES3RDA4N','RUNNING',1795980620666,4,1795980620667,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8MCJWVV31P84N14KEVCB732','shop-once','b3d00c85536e7e00','01M8MCJWVV31P84N14KE43KKKJ','RUNNING',1795980620667,4,1795980620674,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8MCJWW23E9ZJXZWFJGFV2W7','shop-single','47c72bac95be1f24','01M8MCJWW23E9ZJXZWFGC7AYPW','RUNNING',1795980620674,4,1795980620677,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8MCJWW23E9ZJXZWFNKKEB5T','shop-child','01af6491cb25340c','01M8MCJWW23E9ZJXZWFGMZGQ6F','RUNNING',1795980620674,4,1795980620677,NULL,0,0,0,NULL,NULL,NULL,'01M8MCJWVT11B0YQ5PETJFH1MT','bc8d8647b02deea0ab3e715c220d041ee78cc19d',0,NULL,NULL,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8MCJWW553J3NDR1G1233W42','shop-under-way','9a71dc756aa53c7a','01M8MCJWW553J3NDR1FZ6WTV81','RUNNING',1795980620677,4,1795980620679,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,'3bac5f54d650a9362d887e75','517c72fd356a8eb63bac7ea6',0);
INSERT INTO "inngest_runs" VALUES('01M8MCJWW7FBEQ33WCDHYXQW28','shop-fail','c73b934800575c2f','01M8MCJWW7FBEQ33WCDH0RCNCR','FAILED',1795980620679,0,1795980620681,1795980620683,0,0,0,NULL,'{"name": "ValueError", "message": "no stock", "stack": "Traceback (most recent call last):\n  File \"tests/migrations/shop.py\", line 137, in fail\n    raise ValueError(\"no stock\")\nValueError: no stock\n", "code": "unknown"}',NULL,NULL,NULL,0,NULL,NULL,NULL,0);
CREATE TABLE inngest_sessions (
	id TEXT NOT NULL, 
	started_at BIGINT NOT NULL, 
	host TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	functions TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "inngest_sessions" VALUES('3bac5f54d650a9362d887e75',1795980620612,'elsewhere',1,'["shop-batch", "shop-child", "shop-debounce", "shop-fail", "shop-lane", "shop-once", "shop-parent", "shop-paused", "shop-retry", "shop-single", "shop-sleep", "shop-throttle", "shop-under-way", "shop-wait", "shop-wait-late"]');
CREATE TABLE inngest_singletons (
	function_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	PRIMARY KEY (function_id, "key")
)
 WITHOUT ROWID

;
INSERT INTO "inngest_singletons" VALUES('shop-single','sha256:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f','01M8MCJWW23E9ZJXZWFJGFV2W7');
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
	PRIMARY KEY (run_id, hash)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_steps" VALUES('01M8MCJWTFDTWWD7ZE2XMKC03F','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1795980620639,1795984220639,NULL,NULL,NULL,0,NULL);
INSERT INTO "inngest_steps" VALUES('01M8MCJWTFDTWWD7ZE2XMKC03F','e0996a37c13d44c3b06074939d43fa3759bd32c1','first',0,'StepRun',0,0,1795980620633,NULL,1795980620633,'"sleep"',NULL,0,NULL);
INSERT INTO "inngest_steps" VALUES('01M8MCJWTK9NAXW94H9N049GJN','9e1f1120d2eedc498808e1d855cfdbbd5564f22b','paid',0,'WaitForEvent',NULL,0,1795980620639,1821900620639,NULL,NULL,NULL,0,NULL);
INSERT INTO "inngest_steps" VALUES('01M8MCJWTS34MV31XYGQHSDQHK','85777c03b72554cd08e721b6148dc27d2a50a7a6','never',0,'WaitForEvent',NULL,0,1795980620640,1795984220640,NULL,NULL,NULL,0,NULL);
INSERT INTO "inngest_steps" VALUES('01M8MCJWVS3HBD7GB3KQR5TTZH','0612bcf5b16a1ec368ef4ebb92d6be2f7040260b','flaky',0,'StepRun',NULL,1,1795980620667,1795980665611,NULL,NULL,NULL,0,NULL);
INSERT INTO "inngest_steps" VALUES('01M8MCJWVT11B0YQ5PETJFH1MT','bc8d8647b02deea0ab3e715c220d041ee78cc19d','call',0,'InvokeFunction',NULL,0,1795980620674,1827603020674,NULL,NULL,NULL,0,NULL);
INSERT INTO "inngest_steps" VALUES('01M8MCJWVV31P84N14KEVCB732','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1795980620678,1795984220678,NULL,NULL,NULL,0,NULL);
INSERT INTO "inngest_steps" VALUES('01M8MCJWW23E9ZJXZWFJGFV2W7','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1795980620679,1795984220679,NULL,NULL,NULL,0,NULL);
INSERT INTO "inngest_steps" VALUES('01M8MCJWW23E9ZJXZWFNKKEB5T','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1795980620679,1795984220679,NULL,NULL,NULL,0,NULL);
INSERT INTO "inngest_steps" VALUES('01M8MCJWW553J3NDR1G1233W42','51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d','before',0,'StepRun',0,0,1795980620683,NULL,1795980620683,'"before"',NULL,0,NULL);
CREATE TABLE inngest_throttles (
	id TEXT NOT NULL, 
	tat BIGINT NOT NULL, 
	PRIMARY KEY (id)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_throttles" VALUES('shop-throttle:sha256:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f',1795984220657000);
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
INSERT INTO "inngest_timers" VALUES('7d7343c7397c029331ed4127','batch','["shop-batch", "sha256:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]',1795980680646,'["shop-batch", "2c786e0bdca6fe17", 4, "01M8MCJWV6865CH13JRTR8NE94", "01M8MCJWV6865CH13JRNJ1QFHH", 2, 842]');
INSERT INTO "inngest_timers" VALUES('fa29098f49db0d9b52dd7f91','debounce','["shop-debounce", "sha256:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]',1795984220639,'["shop-debounce", "cff3c7b796bf9cc5", 4, "01M8MCJWTZBFJRZY5Y80R2ZH1R", 1795980620639, 1795980620636]');
CREATE TABLE inngest_wait_paths (
	topic TEXT NOT NULL, 
	path TEXT NOT NULL, 
	PRIMARY KEY (topic, path)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_wait_paths" VALUES('event:never','');
INSERT INTO "inngest_wait_paths" VALUES('event:wait/cancel','["data","id"]');
INSERT INTO "inngest_wait_paths" VALUES('event:wait/paid','["data","id"]');
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
	PRIMARY KEY (run_id, hash)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_waits" VALUES('01M8MCJWTK9NAXW94H9N049GJN','9e1f1120d2eedc498808e1d855cfdbbd5564f22b','step','event:wait/paid','["data","id"]','1','','[1]',1821900620639);
INSERT INTO "inngest_waits" VALUES('01M8MCJWTK9NAXW94H9N049GJN','cancel:0','cancel','event:wait/cancel','["data","id"]','1','','[1]',1827603020627);
INSERT INTO "inngest_waits" VALUES('01M8MCJWTS34MV31XYGQHSDQHK','85777c03b72554cd08e721b6148dc27d2a50a7a6','step','event:never','','','','[]',1795984220640);
INSERT INTO "inngest_waits" VALUES('01M8MCJWVT11B0YQ5PETJFH1MT','bc8d8647b02deea0ab3e715c220d041ee78cc19d','invoke','invoke:shop-child','','','','[]',1827603020674);
CREATE INDEX inngest_batches_by_event ON inngest_batches (event_id);
CREATE INDEX inngest_events_by_age ON inngest_events (received_at, id);
CREATE INDEX inngest_events_by_name ON inngest_events (name, received_at);
CREATE INDEX inngest_idempotency_by_end ON inngest_idempotency (expires_at);
CREATE INDEX inngest_jobs_by_run ON inngest_jobs (run_id);
CREATE INDEX inngest_jobs_by_score ON inngest_jobs (alone, lane, start, score, id);
CREATE INDEX inngest_lanes_by_budget ON inngest_lanes (blocked_on, blocked_at, turn);
CREATE INDEX inngest_lanes_by_ready ON inngest_lanes (ready_at, turn);
CREATE INDEX inngest_rates_by_start ON inngest_rates (started_at);
CREATE INDEX inngest_requests_by_due ON inngest_requests (session_id, holder, due_at);
CREATE INDEX inngest_runs_by_batch ON inngest_runs (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX inngest_runs_by_end ON inngest_runs (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX inngest_runs_by_event ON inngest_runs (event_id);
CREATE INDEX inngest_runs_by_parent ON inngest_runs (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX inngest_runs_by_session ON inngest_runs (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX inngest_singletons_by_run ON inngest_singletons (run_id);
CREATE INDEX inngest_timers_by_due ON inngest_timers (due_at);
CREATE INDEX inngest_waits_by_topic ON inngest_waits (topic, path, "key");
COMMIT;
