-- 1796116055581
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
INSERT INTO "inngest_apps" VALUES('served','17dd7878-53cb-5cf9-9ce2-bf2eebada593','http://127.0.0.1:43429/','serve','py:v0.5.19','','flask','','bcd71c09982eb25179e0938a1a6350feb535515e83cae1fc704f95bd9e8de9b4',1796116053314,1796116053314,NULL,NULL);
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
INSERT INTO "inngest_attempts" VALUES('01M8RDQZB78JQQR83NKNEC697N','0612bcf5b16a1ec368ef4ebb92d6be2f7040260b',0,1796116053431,1796116053394,'{"name": "RuntimeError", "message": "busy", "stack": "Traceback (most recent call last):\n  File \"tests/migrations/shop.py\", line 180, in flaky\n    raise RuntimeError(\"busy\")\nRuntimeError: busy\n", "code": "unknown"}');
INSERT INTO "inngest_attempts" VALUES('01M8RDQZNQCKTQ5M4XRFBYAFT3','783923e57ba5e8f1044632c31fd806ee24814bb5',0,1796116054092,1796116054088,'{"name": "GatewayError", "message": "GET http://127.0.0.1:1/: ConnectError: Connection refused"}');
CREATE TABLE inngest_batches (
	batch_id TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	event_id TEXT NOT NULL, 
	PRIMARY KEY (batch_id, position)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_batches" VALUES('["shop-debounce", "\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]',0,'01M8RDQZAS3TBHQ27D63V9HTAT');
INSERT INTO "inngest_batches" VALUES('01M8RDQZATETR2Y9A4B1TNQZ49',0,'01M8RDQZATETR2Y9A4AZ3PWDGM');
INSERT INTO "inngest_batches" VALUES('01M8RDQZATETR2Y9A4B1TNQZ49',1,'01M8RDQZAW2525Y6P18NE3HF3C');
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
INSERT INTO "inngest_events" VALUES('01M8RDQZAAB32CR3M86DQ4JKCD','sleep','{}',1796116053322,'',1796116053322,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZAC2AENQVHMH6NAHBSX','wait','{"id":1}',1796116053324,'',1796116053324,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZAKDJAXTVXWMB37S09S','wait-late','{}',1796116053331,'',1796116053331,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZAP26PC9JZ1A488BPFK','debounce','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":1}',1796116053334,'',1796116053334,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZAS3TBHQ27D63V9HTAT','debounce','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":2}',1796116053337,'',1796116053337,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZATETR2Y9A4AZ3PWDGM','batch','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":1}',1796116053338,'',1796116053338,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZAW2525Y6P18NE3HF3C','batch','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":2}',1796116053340,'',1796116053340,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZAZ9NZVKZBHF22X2E82','lane','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":1,"priority":0}',1796116053343,'',1796116053343,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZB0A8EM3N9ZFEFY9DMF','lane','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":2,"priority":0}',1796116053344,'',1796116053344,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZB2FTHRBHHJA2K4KST2','lane','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":3,"priority":0}',1796116053346,'',1796116053346,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZB35113X9X4QT3THHC8','throttle','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":1}',1796116053347,'',1796116053347,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZB55RCTH9WHQAAFJA6W','throttle','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":2}',1796116053349,'',1796116053349,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZB6CEV5E44NDZX3HA58','paused','{"number":1}',1796116053350,'',1796116053350,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZB6CEV5E44NE4DRXKAQ','paused','{"number":2}',1796116053350,'',1796116053350,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZB78JQQR83NKNCBYB2N','retry','{}',1796116053351,'',1796116053351,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZCJ4J0QTA1HRDGBSDA4','parent','{}',1796116053394,'',1796116053394,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZDXAZM5CC9YTCFMKAPX','once','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-"}',1796116053437,'',1796116053437,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZE6DER0T6P9495WZCZW','inngest/function.invoked','{"_inngest":{"fn_id":"shop-child","correlation_id":"01M8RDQZCJ4J0QTA1HRFFNFR8E.bc8d8647b02deea0ab3e715c220d041ee78cc19d","expire":1827738453446,"name":"call","source_fn_id":"shop-parent"}}',1796116053446,'',1796116053446,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZE55F2NXTQHXBYEE4AA','single','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-"}',1796116053445,'',1796116053445,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZGK6W2SSD1QFB9KFMNH','under-way','{}',1796116053523,'',1796116053523,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZGS9NJJCKDENSRJHX27','fail','{}',1796116053529,'',1796116053529,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZH45YAR7T3ZW3465QSM','changed','{}',1796116053540,'',1796116053540,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZMKE2FQA9Q2WEWK4GDA','inngest/function.failed','{"function_id":"shop-fail","run_id":"01M8RDQZGS9NJJCKDENST2EQJV","event":{"id":"01M8RDQZGS9NJJCKDENSRJHX27","name":"fail","data":{},"ts":1796116053529,"user":{}},"events":[{"id":"01M8RDQZGS9NJJCKDENSRJHX27","name":"fail","data":{},"ts":1796116053529}],"_inngest":{"status":"Failed"},"error":{"error":"ValueError","name":"ValueError","message":"no stock","stack":"Traceback (most recent call last):\n  File \"tests/migrations/shop.py\", line 140, in fail\n    raise ValueError(\"no stock\")\nValueError: no stock\n"},"result":{"code":"unknown","name":"ValueError","message":"no stock","stack":"Traceback (most recent call last):\n  File \"tests/migrations/shop.py\", line 140, in fail\n    raise ValueError(\"no stock\")\nValueError: no stock\n"}}',1796116053651,'01M8RDQZGS9NJJCKDENST2EQJV',1796116053651,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZNQCKTQ5M4XRESCBYAC','ask','{}',1796116053687,'',1796116053687,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDQZQH5YCC3WGDXY4VATTC','served-sleep','{}',1796116053745,'',1796116053745,NULL);
INSERT INTO "inngest_events" VALUES('01M8RDR01MC6Y73A8XV8TEZDC7','served-call','{}',1796116054068,'',1796116054068,NULL);
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
INSERT INTO "inngest_functions" VALUES('shop-sleep','shop','sleep','90d2f2ad65a21896',4,'["sleep"]',NULL,'{"id": "shop-sleep", "name": "sleep", "retries": 4, "triggers": [{"event": "sleep"}]}',1796116053299,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-wait','shop','wait','0563bf4dba0d37ed',4,'["wait"]',NULL,'{"cancel": [{"event": "wait/cancel", "if": "event.data.id == async.data.id"}], "id": "shop-wait", "name": "wait", "retries": 4, "triggers": [{"event": "wait"}]}',1796116053299,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-wait-late','shop','wait-late','3ab91e0ad534131d',4,'["wait-late"]',NULL,'{"id": "shop-wait-late", "name": "wait-late", "retries": 4, "triggers": [{"event": "wait-late"}]}',1796116053299,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-debounce','shop','debounce','cff3c7b796bf9cc5',4,'["debounce"]',NULL,'{"debounce": {"key": "event.data.key", "period": "1h"}, "id": "shop-debounce", "name": "debounce", "retries": 4, "triggers": [{"event": "debounce"}]}',1796116053299,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-batch','shop','batch','2c786e0bdca6fe17',4,'["batch"]',NULL,'{"batchEvents": {"key": "event.data.key", "maxSize": 9, "timeout": "1m"}, "id": "shop-batch", "name": "batch", "retries": 4, "triggers": [{"event": "batch"}]}',1796116053299,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-lane','shop','lane','1a22e4b043ecb909',4,'["lane"]',NULL,'{"concurrency": [{"key": "event.data.key", "limit": 1}], "id": "shop-lane", "name": "lane", "priority": {"run": "event.data.priority"}, "retries": 4, "triggers": [{"event": "lane"}]}',1796116053299,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-throttle','shop','throttle','f13d4f522cd73db3',4,'["throttle"]',NULL,'{"id": "shop-throttle", "name": "throttle", "retries": 4, "throttle": {"burst": 1, "key": "event.data.key", "limit": 1, "period": "1h"}, "triggers": [{"event": "throttle"}]}',1796116053299,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-paused','shop','paused','a1f972599724984c',4,'["paused"]',NULL,'{"id": "shop-paused", "name": "paused", "retries": 4, "triggers": [{"event": "paused"}]}',1796116053299,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-retry','shop','retry','72f2ce1e58fb0a67',4,'["retry"]',NULL,'{"id": "shop-retry", "name": "retry", "retries": 4, "triggers": [{"event": "retry"}]}',1796116053299,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-child','shop','child','01af6491cb25340c',4,'["never"]',NULL,'{"id": "shop-child", "name": "child", "retries": 4, "triggers": [{"event": "never"}]}',1796116053299,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-parent','shop','parent','7decb023932f9d26',4,'["parent"]',NULL,'{"id": "shop-parent", "name": "parent", "retries": 4, "triggers": [{"event": "parent"}]}',1796116053299,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-once','shop','once','b3d00c85536e7e00',4,'["once"]',NULL,'{"id": "shop-once", "idempotency": "event.data.key", "name": "once", "rateLimit": {"key": "event.data.key", "limit": 5, "period": "1h"}, "retries": 4, "triggers": [{"event": "once"}]}',1796116053299,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-single','shop','single','47c72bac95be1f24',4,'["single"]',NULL,'{"id": "shop-single", "name": "single", "retries": 4, "singleton": {"key": "event.data.key", "mode": "skip"}, "triggers": [{"event": "single"}]}',1796116053299,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-under-way','shop','under-way','9a71dc756aa53c7a',4,'["under-way"]',NULL,'{"id": "shop-under-way", "name": "under-way", "retries": 4, "triggers": [{"event": "under-way"}]}',1796116053299,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-fail','shop','fail','c73b934800575c2f',0,'["fail"]',NULL,'{"id": "shop-fail", "name": "fail", "retries": 0, "triggers": [{"event": "fail"}]}',1796116053299,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-changed','shop','changed','d0e22083a198aee5',4,'["changed"]',NULL,'{"id": "shop-changed", "name": "changed", "retries": 4, "triggers": [{"event": "changed"}]}',1796116053299,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-ask','shop','ask','57891f937e7f8554',1,'["ask"]',NULL,'{"id": "shop-ask", "name": "ask", "retries": 1, "triggers": [{"event": "ask"}]}',1796116053299,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-served-sleep','served','served-sleep','4e2622fc92c68f2c',3,'["served-sleep"]',NULL,'{"id": "shop-served-sleep", "name": "served-sleep", "retries": 3, "triggers": [{"event": "served-sleep"}]}',1796116053314,'c87504b8-b6cd-5dcb-a7ef-169dcfb45636','http','http://127.0.0.1:43429/?fnId=shop-served-sleep&stepId=step',NULL);
INSERT INTO "inngest_functions" VALUES('shop-served-call','served','served-call','3235893690a6ebb7',3,'["served-call"]',NULL,'{"id": "shop-served-call", "name": "served-call", "retries": 3, "triggers": [{"event": "served-call"}]}',1796116053314,'f256da5e-bc49-51b7-806b-93dbc2d092cf','http','http://127.0.0.1:43429/?fnId=shop-served-call&stepId=step',NULL);
CREATE TABLE inngest_idempotency (
	function_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	PRIMARY KEY (function_id, "key")
)
 WITHOUT ROWID

;
INSERT INTO "inngest_idempotency" VALUES('shop-once','22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f','01M8RDQZDXAZM5CC9YTG559G27',1796202453437);
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
INSERT INTO "inngest_jobs" VALUES('01M8RDQZANE1WZ3PPRZ1R212KP','01M8RDQZAAB32CR3M86GJQ58BW','shop-sleep',1796119653333,0,'',0,1796119653333,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8RDQZAQDPG4SRM2M8NSGRYK','01M8RDQZAKDJAXTVXWMDTV1TJ4','shop-wait-late',1796119653335,0,'',0,1796119653335,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8RDQZAXA0MSBHDYKEAZQHB6','01M8RDQZAC2AENQVHMH8B3V5RN','shop-wait',1822036053341,0,'',0,1822036053341,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8RDQZB0A8EM3N9ZFKP1N7PQ','01M8RDQZB0A8EM3N9ZFGGPKXYN','shop-lane',1796116053344,0,'["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]',1,1796116053344,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8RDQZB2FTHRBHHJA671KFX9','01M8RDQZB2FTHRBHHJA6165W7F','shop-lane',1796116053346,0,'["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]',1,1796116053346,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8RDQZB55RCTH9WHQEW73CPR','01M8RDQZB55RCTH9WHQCF7FTD2','shop-throttle',1796116053349,0,'["shop-throttle",[],"shop-throttle:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]',1,1796116053349,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8RDQZB6CEV5E44NE1K62F4N','01M8RDQZB6CEV5E44NE05SPA6Z','shop-paused',1796116053350,0,'',0,1796116053350,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8RDQZB6CEV5E44NE70569TE','01M8RDQZB6CEV5E44NE5R6F09C','shop-paused',1796116053350,0,'',0,1796116053350,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8RDQZE6DER0T6P94D0RZZTG','01M8RDQZB78JQQR83NKNEC697N','shop-retry',1796116082805,0,'',0,1796116082805,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8RDQZE6DER0T6P94GHKS8E4','01M8RDQZCJ4J0QTA1HRFFNFR8E','shop-parent',1827738453446,0,'',0,1827738453446,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8RDQZQEE9P812J8594H9Y1T','01M8RDQZDXAZM5CC9YTG559G27','shop-once',1796119653742,0,'',0,1796119653742,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8RDQZQF55Y6PY28NNAH9KP0','01M8RDQZE6DER0T6P94J3TE8A8','shop-single',1796119653743,0,'',0,1796119653743,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8RDQZQF55Y6PY28NNMWZE88','01M8RDQZE6DER0T6P949F8GHR0','shop-child',1796119653743,0,'',0,1796119653743,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8RDR02145NDRDXBC647JQWE','01M8RDQZNQCKTQ5M4XRFBYAFT3','shop-ask',1827738454080,0,'',0,1827738454080,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8RDR027DXB62NBJ65WYX668','01M8RDQZQH5YCC3WGDY0HEDVRQ','shop-served-sleep',1796119654085,0,'',0,1796119654085,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8RDR13T1XYH4NCZ1W359ZP7','01M8RDQZH45YAR7T3ZW71NZK8H','shop-changed',1796116056162,2,'',0,1796116056162,0,1796116055162,'ab06a3cd1a5f025291834de3');
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
INSERT INTO "inngest_lanes" VALUES('["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]','shop-lane',NULL,'fn:shop-lane:21f95626:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f',1,'01M8RDQZB0A8EM3N9ZFQN1SC8A');
INSERT INTO "inngest_lanes" VALUES('["shop-throttle",[],"shop-throttle:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]','shop-throttle',1796119653350,NULL,NULL,'01M8RDQZB78JQQR83NKQ9NMWYQ');
CREATE TABLE inngest_meta (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "inngest_meta" VALUES('revision','0005');
INSERT INTO "inngest_meta" VALUES('min_compatible','0005');
INSERT INTO "inngest_meta" VALUES('generation','3');
INSERT INTO "inngest_meta" VALUES('retention_since','0');
INSERT INTO "inngest_meta" VALUES('time','1796116055162');
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
INSERT INTO "inngest_pauses" VALUES('shop-paused','queue',1796116053320);
CREATE TABLE inngest_rates (
	function_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	started_at BIGINT NOT NULL, 
	run_id TEXT NOT NULL, 
	PRIMARY KEY (function_id, "key", started_at, run_id)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_rates" VALUES('shop-once','22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f',1796116053437,'01M8RDQZDXAZM5CC9YTG559G27');
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
INSERT INTO "inngest_requests" VALUES('01M8RDQZNQCKTQ5M4XRFBYAFT3','783923e57ba5e8f1044632c31fd806ee24814bb5','Gateway','{"url":"http://127.0.0.1:1/","method":"GET","headers":{},"body":null,"encoding":"","format":"","timeout":60000}',1,1,1796116069777,'none',NULL,'127.0.0.1:1');
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
INSERT INTO "inngest_runs" VALUES('01M8RDQZAAB32CR3M86GJQ58BW','shop-sleep','90d2f2ad65a21896','01M8RDQZAAB32CR3M86DQ4JKCD','RUNNING',1796116053322,4,1796116053322,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8RDQZAC2AENQVHMH8B3V5RN','shop-wait','0563bf4dba0d37ed','01M8RDQZAC2AENQVHMH6NAHBSX','RUNNING',1796116053324,4,1796116053334,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,0,0,NULL,1,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8RDQZAKDJAXTVXWMDTV1TJ4','shop-wait-late','3ab91e0ad534131d','01M8RDQZAKDJAXTVXWMB37S09S','RUNNING',1796116053331,4,1796116053331,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8RDQZAZ9NZVKZBHF5JDBJDN','shop-lane','1a22e4b043ecb909','01M8RDQZAZ9NZVKZBHF22X2E82','RUNNING',1796116053343,4,1796116053343,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,'["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]','ab06a3cd1a5f025291834de3','777902d902102d3649ea7d12',1,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8RDQZB0A8EM3N9ZFGGPKXYN','shop-lane','1a22e4b043ecb909','01M8RDQZB0A8EM3N9ZFEFY9DMF','QUEUED',1796116053344,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,'["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]',NULL,NULL,0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8RDQZB2FTHRBHHJA6165W7F','shop-lane','1a22e4b043ecb909','01M8RDQZB2FTHRBHHJA2K4KST2','QUEUED',1796116053346,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,'["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]',NULL,NULL,0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8RDQZB35113X9X4QXFXFJBC','shop-throttle','f13d4f522cd73db3','01M8RDQZB35113X9X4QT3THHC8','COMPLETED',1796116053347,4,1796116053350,1796116053432,0,0,0,'1',NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,1,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8RDQZB55RCTH9WHQCF7FTD2','shop-throttle','f13d4f522cd73db3','01M8RDQZB55RCTH9WHQAAFJA6W','QUEUED',1796116053349,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8RDQZB6CEV5E44NE05SPA6Z','shop-paused','a1f972599724984c','01M8RDQZB6CEV5E44NDZX3HA58','QUEUED',1796116053350,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8RDQZB6CEV5E44NE5R6F09C','shop-paused','a1f972599724984c','01M8RDQZB6CEV5E44NE4DRXKAQ','QUEUED',1796116053350,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8RDQZB78JQQR83NKNEC697N','shop-retry','72f2ce1e58fb0a67','01M8RDQZB78JQQR83NKNCBYB2N','RUNNING',1796116053351,4,1796116053351,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8RDQZCJ4J0QTA1HRFFNFR8E','shop-parent','7decb023932f9d26','01M8RDQZCJ4J0QTA1HRDGBSDA4','RUNNING',1796116053394,4,1796116053432,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,1,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8RDQZDXAZM5CC9YTG559G27','shop-once','b3d00c85536e7e00','01M8RDQZDXAZM5CC9YTCFMKAPX','RUNNING',1796116053437,4,1796116053523,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,1,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8RDQZE6DER0T6P949F8GHR0','shop-child','01af6491cb25340c','01M8RDQZE6DER0T6P9495WZCZW','RUNNING',1796116053446,4,1796116053523,NULL,0,0,0,NULL,NULL,NULL,'01M8RDQZCJ4J0QTA1HRFFNFR8E','bc8d8647b02deea0ab3e715c220d041ee78cc19d',0,NULL,NULL,NULL,0,0,NULL,1,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8RDQZE6DER0T6P94J3TE8A8','shop-single','47c72bac95be1f24','01M8RDQZE55F2NXTQHXBYEE4AA','RUNNING',1796116053445,4,1796116053523,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,1,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8RDQZGK6W2SSD1QFDR7HYR2','shop-under-way','9a71dc756aa53c7a','01M8RDQZGK6W2SSD1QFB9KFMNH','RUNNING',1796116053523,4,1796116053523,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,'ab06a3cd1a5f025291834de3','1649a8f274ca5331757d668c',0,0,NULL,1,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8RDQZGS9NJJCKDENST2EQJV','shop-fail','c73b934800575c2f','01M8RDQZGS9NJJCKDENSRJHX27','FAILED',1796116053529,0,1796116053529,1796116053651,0,0,0,NULL,'{"name": "ValueError", "message": "no stock", "stack": "Traceback (most recent call last):\n  File \"tests/migrations/shop.py\", line 140, in fail\n    raise ValueError(\"no stock\")\nValueError: no stock\n", "code": "unknown"}',NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8RDQZH45YAR7T3ZW71NZK8H','shop-changed','d0e22083a198aee5','01M8RDQZH45YAR7T3ZW3465QSM','RUNNING',1796116053540,4,1796116053540,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,'{"hold":{"sign":"called","step":"first","call":"renamed","detail":"","times":1,"since":1796116055162,"at":1796116055162},"holds":1,"patches":[],"unasked":[],"threaded":false}',1,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8RDQZNQCKTQ5M4XRFBYAFT3','shop-ask','57891f937e7f8554','01M8RDQZNQCKTQ5M4XRESCBYAC','RUNNING',1796116053687,1,1796116053688,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,1,-1,1,NULL,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8RDQZQH5YCC3WGDY0HEDVRQ','shop-served-sleep','4e2622fc92c68f2c','01M8RDQZQH5YCC3WGDXY4VATTC','RUNNING',1796116053745,3,1796116053745,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,1,0,0,0,NULL,NULL);
INSERT INTO "inngest_runs" VALUES('01M8RDR01N14KGE9NC7WZ13JGG','shop-served-call','3235893690a6ebb7','01M8RDR01MC6Y73A8XV8TEZDC7','RUNNING',1796116054068,3,1796116054068,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,'ab06a3cd1a5f025291834de3','2e1821b08a2bd6270af65eac',0,0,NULL,0,-1,1,NULL,0,NULL,NULL);
CREATE TABLE inngest_sessions (
	id TEXT NOT NULL, 
	started_at BIGINT NOT NULL, 
	host TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	functions TEXT NOT NULL, 
	writer TEXT, 
	executing TEXT, 
	ended TEXT, 
	beat_at BIGINT, 
	lease INTEGER, 
	PRIMARY KEY (id)
);
INSERT INTO "inngest_sessions" VALUES('ab06a3cd1a5f025291834de3',1796116053298,'elsewhere',1,'["shop-ask", "shop-batch", "shop-changed", "shop-child", "shop-debounce", "shop-fail", "shop-lane", "shop-once", "shop-parent", "shop-paused", "shop-retry", "shop-single", "shop-sleep", "shop-throttle", "shop-under-way", "shop-wait", "shop-wait-late", "*"]','d5f82c80a2c19c4c34b2be99','[["01M8RDQZAZ9NZVKZBHF5JDBJDN", "work", 0, 1796116053344]]',NULL,NULL,NULL);
CREATE TABLE inngest_singletons (
	function_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	PRIMARY KEY (function_id, "key")
)
 WITHOUT ROWID

;
INSERT INTO "inngest_singletons" VALUES('shop-single','22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f','01M8RDQZE6DER0T6P94J3TE8A8');
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
INSERT INTO "inngest_steps" VALUES('01M8RDQZAAB32CR3M86GJQ58BW','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1796116053333,1796119653333,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8RDQZAAB32CR3M86GJQ58BW','e0996a37c13d44c3b06074939d43fa3759bd32c1','first',0,'StepRun',0,0,1796116053325,NULL,1796116053325,'"sleep"',NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8RDQZAC2AENQVHMH8B3V5RN','9e1f1120d2eedc498808e1d855cfdbbd5564f22b','paid',0,'WaitForEvent',NULL,0,1796116053341,1822036053341,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8RDQZAKDJAXTVXWMDTV1TJ4','85777c03b72554cd08e721b6148dc27d2a50a7a6','never',0,'WaitForEvent',NULL,0,1796116053335,1796119653335,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8RDQZB78JQQR83NKNEC697N','0612bcf5b16a1ec368ef4ebb92d6be2f7040260b','flaky',0,'StepRun',NULL,1,1796116053394,1796116082805,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8RDQZCJ4J0QTA1HRFFNFR8E','bc8d8647b02deea0ab3e715c220d041ee78cc19d','call',0,'InvokeFunction',NULL,0,1796116053446,1827738453446,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8RDQZDXAZM5CC9YTG559G27','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1796116053742,1796119653742,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8RDQZE6DER0T6P949F8GHR0','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1796116053743,1796119653743,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8RDQZE6DER0T6P94J3TE8A8','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1796116053743,1796119653743,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8RDQZGK6W2SSD1QFDR7HYR2','51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d','before',0,'StepRun',0,0,1796116053652,NULL,1796116053652,'"before"',NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8RDQZH45YAR7T3ZW71NZK8H','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',1,0,1796116053745,NULL,1796116054080,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8RDQZH45YAR7T3ZW71NZK8H','e0996a37c13d44c3b06074939d43fa3759bd32c1','first',0,'StepRun',0,0,1796116053688,NULL,1796116053688,'"changed"',NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8RDQZNQCKTQ5M4XRFBYAFT3','783923e57ba5e8f1044632c31fd806ee24814bb5','get',0,'Gateway',NULL,0,1796116054080,1827738454080,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8RDQZQH5YCC3WGDY0HEDVRQ','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1796116054085,1796119654085,NULL,NULL,NULL,0,NULL,'wait',NULL);
INSERT INTO "inngest_steps" VALUES('01M8RDQZQH5YCC3WGDY0HEDVRQ','e0996a37c13d44c3b06074939d43fa3759bd32c1','first',0,'StepRun',0,0,1796116054069,NULL,1796116054075,'"served"',NULL,0,NULL,NULL,NULL);
CREATE TABLE inngest_throttles (
	id TEXT NOT NULL, 
	tat BIGINT NOT NULL, 
	PRIMARY KEY (id)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_throttles" VALUES('shop-throttle:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f',1796119653350000);
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
INSERT INTO "inngest_timers" VALUES('1efc8063820cd57d77e77cd1','batch','["shop-batch", "\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]',1796116113338,'["shop-batch", "2c786e0bdca6fe17", 4, "01M8RDQZATETR2Y9A4B1TNQZ49", "01M8RDQZATETR2Y9A4AZ3PWDGM", 2, 842]');
INSERT INTO "inngest_timers" VALUES('44d2b7aec478f8e59c9fe2a7','debounce','["shop-debounce", "\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]',1796119653337,'["shop-debounce", "cff3c7b796bf9cc5", 4, "01M8RDQZAS3TBHQ27D63V9HTAT", 1796116053337, 1796116053334]');
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
INSERT INTO "inngest_waits" VALUES('01M8RDQZAC2AENQVHMH8B3V5RN','9e1f1120d2eedc498808e1d855cfdbbd5564f22b','step','event:wait/paid','["data","id"]','1','','[1]',1822036053341,0);
INSERT INTO "inngest_waits" VALUES('01M8RDQZAC2AENQVHMH8B3V5RN','cancel:0','cancel','event:wait/cancel','["data","id"]','1','','[1]',1827738453324,0);
INSERT INTO "inngest_waits" VALUES('01M8RDQZAKDJAXTVXWMDTV1TJ4','85777c03b72554cd08e721b6148dc27d2a50a7a6','step','event:never','','','','[]',1796119653335,0);
INSERT INTO "inngest_waits" VALUES('01M8RDQZCJ4J0QTA1HRFFNFR8E','bc8d8647b02deea0ab3e715c220d041ee78cc19d','invoke','invoke:shop-child','','','','[]',1827738453446,0);
INSERT INTO "inngest_waits" VALUES('01M8RDQZNQCKTQ5M4XRFBYAFT3','783923e57ba5e8f1044632c31fd806ee24814bb5','request','request:GET http://127.0.0.1:1/','','','','[]',1827738454080,0);
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
INSERT INTO "inngest_writers" VALUES('d5f82c80a2c19c4c34b2be99',38);
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
