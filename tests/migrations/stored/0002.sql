-- 1796052968366
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
INSERT INTO "inngest_attempts" VALUES('01M8PHJNF901CYE2QRWDSQ1HDP','0612bcf5b16a1ec368ef4ebb92d6be2f7040260b',0,1796052964866,1796052964865,'{"name": "RuntimeError", "message": "busy", "stack": "Traceback (most recent call last):\n  File \"tests/migrations/shop.py\", line 179, in flaky\n    raise RuntimeError(\"busy\")\nRuntimeError: busy\n", "code": "unknown"}');
INSERT INTO "inngest_attempts" VALUES('01M8PHJNM835QY6VDBGWDEJCWH','783923e57ba5e8f1044632c31fd806ee24814bb5',0,1796052967223,1796052965125,'{"name": "GatewayError", "message": "GET http://127.0.0.1:1/: ConnectError: All connection attempts failed"}');
CREATE TABLE inngest_batches (
	batch_id TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	event_id TEXT NOT NULL, 
	PRIMARY KEY (batch_id, position)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_batches" VALUES('["shop-debounce", "\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]',0,'01M8PHJN9DFPYESAT8CFMPA2JG');
INSERT INTO "inngest_batches" VALUES('01M8PHJN9M4TS2F3QHMFJ7NTD7',0,'01M8PHJN9M4TS2F3QHMADB8AJC');
INSERT INTO "inngest_batches" VALUES('01M8PHJN9M4TS2F3QHMFJ7NTD7',1,'01M8PHJNA56W2QNNA675DF3XZ6');
CREATE TABLE inngest_budgets (
	budget TEXT NOT NULL, 
	used INTEGER NOT NULL, 
	PRIMARY KEY (budget)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_budgets" VALUES('fn:shop-lane:21f95626:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f',1);
CREATE TABLE inngest_events (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	data TEXT NOT NULL, 
	ts BIGINT NOT NULL, 
	"key" TEXT NOT NULL, 
	received_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "inngest_events" VALUES('01M8PHJN4CETB9S443NGGW4D2P','sleep','{}',1796052964492,'',1796052964492);
INSERT INTO "inngest_events" VALUES('01M8PHJN5643ENTWH93NA54DCR','wait','{"id":1}',1796052964518,'',1796052964518);
INSERT INTO "inngest_events" VALUES('01M8PHJN72E7HA96N0VKXMWNDN','wait-late','{}',1796052964578,'',1796052964578);
INSERT INTO "inngest_events" VALUES('01M8PHJN8C742SNHVWXB0RX9ZK','debounce','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":1}',1796052964620,'',1796052964620);
INSERT INTO "inngest_events" VALUES('01M8PHJN9DFPYESAT8CFMPA2JG','debounce','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":2}',1796052964653,'',1796052964653);
INSERT INTO "inngest_events" VALUES('01M8PHJN9M4TS2F3QHMADB8AJC','batch','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":1}',1796052964660,'',1796052964660);
INSERT INTO "inngest_events" VALUES('01M8PHJNA56W2QNNA675DF3XZ6','batch','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":2}',1796052964677,'',1796052964677);
INSERT INTO "inngest_events" VALUES('01M8PHJNAN1FWM1T1GAAVDVEB3','lane','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":1,"priority":0}',1796052964693,'',1796052964693);
INSERT INTO "inngest_events" VALUES('01M8PHJNB6A6DA52SA66RJFK6N','lane','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":2,"priority":0}',1796052964710,'',1796052964710);
INSERT INTO "inngest_events" VALUES('01M8PHJNBW4N1TSQ62GN2JEDPK','lane','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":3,"priority":0}',1796052964732,'',1796052964732);
INSERT INTO "inngest_events" VALUES('01M8PHJNCXDWKGXHZ2KFNKP9C4','throttle','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":1}',1796052964765,'',1796052964765);
INSERT INTO "inngest_events" VALUES('01M8PHJNDJF10ZCWB2Q6QSNMV8','throttle','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":2}',1796052964786,'',1796052964786);
INSERT INTO "inngest_events" VALUES('01M8PHJNEED0QSRQ0VEQE2EN9H','paused','{"number":1}',1796052964814,'',1796052964814);
INSERT INTO "inngest_events" VALUES('01M8PHJNF67DQXR8D0QG94XTCM','paused','{"number":2}',1796052964838,'',1796052964838);
INSERT INTO "inngest_events" VALUES('01M8PHJNF901CYE2QRWC061EBG','retry','{}',1796052964841,'',1796052964841);
INSERT INTO "inngest_events" VALUES('01M8PHJNG177FZ98A4PGDW32XQ','parent','{}',1796052964865,'',1796052964865);
INSERT INTO "inngest_events" VALUES('01M8PHJNGP10MW8VSB8FSC3EMK','once','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-"}',1796052964886,'',1796052964886);
INSERT INTO "inngest_events" VALUES('01M8PHJNGP10MW8VSB8HDXJPZX','inngest/function.invoked','{"_inngest":{"fn_id":"shop-child","correlation_id":"01M8PHJNG177FZ98A4PH5FAFEH.bc8d8647b02deea0ab3e715c220d041ee78cc19d","expire":1827675364886,"name":"call","source_fn_id":"shop-parent"}}',1796052964886,'',1796052964886);
INSERT INTO "inngest_events" VALUES('01M8PHJNHT63FH327SHFZ3X128','single','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-"}',1796052964922,'',1796052964922);
INSERT INTO "inngest_events" VALUES('01M8PHJNJG5FAWDTTPE1K14AE4','under-way','{}',1796052964944,'',1796052964944);
INSERT INTO "inngest_events" VALUES('01M8PHJNK665KZ0WG2509S12KD','fail','{}',1796052964966,'',1796052964966);
INSERT INTO "inngest_events" VALUES('01M8PHJNKJF5F8XP89BYMHXVNT','changed','{}',1796052964978,'',1796052964978);
INSERT INTO "inngest_events" VALUES('01M8PHJNKP9M71S0KCBMMQBBNM','inngest/function.failed','{"function_id":"shop-fail","run_id":"01M8PHJNK665KZ0WG251BKCDKM","event":{"id":"01M8PHJNK665KZ0WG2509S12KD","name":"fail","data":{},"ts":1796052964966,"user":{}},"events":[{"id":"01M8PHJNK665KZ0WG2509S12KD","name":"fail","data":{},"ts":1796052964966}],"_inngest":{"status":"Failed"},"error":{"error":"ValueError","name":"ValueError","message":"no stock","stack":"Traceback (most recent call last):\n  File \"tests/migrations/shop.py\", line 139, in fail\n    raise ValueError(\"no stock\")\nValueError: no stock\n"},"result":{"code":"unknown","name":"ValueError","message":"no stock","stack":"Traceback (most recent call last):\n  File \"tests/migrations/shop.py\", line 139, in fail\n    raise ValueError(\"no stock\")\nValueError: no stock\n"}}',1796052964982,'01M8PHJNK665KZ0WG251BKCDKM',1796052964982);
INSERT INTO "inngest_events" VALUES('01M8PHJNM835QY6VDBGV9X0ZZD','ask','{}',1796052965000,'',1796052965000);
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
INSERT INTO "inngest_functions" VALUES('shop-sleep','shop','sleep','90d2f2ad65a21896',4,'["sleep"]',NULL,'{"id": "shop-sleep", "name": "sleep", "retries": 4, "triggers": [{"event": "sleep"}]}',1796052964449);
INSERT INTO "inngest_functions" VALUES('shop-wait','shop','wait','0563bf4dba0d37ed',4,'["wait"]',NULL,'{"cancel": [{"event": "wait/cancel", "if": "event.data.id == async.data.id"}], "id": "shop-wait", "name": "wait", "retries": 4, "triggers": [{"event": "wait"}]}',1796052964449);
INSERT INTO "inngest_functions" VALUES('shop-wait-late','shop','wait-late','3ab91e0ad534131d',4,'["wait-late"]',NULL,'{"id": "shop-wait-late", "name": "wait-late", "retries": 4, "triggers": [{"event": "wait-late"}]}',1796052964449);
INSERT INTO "inngest_functions" VALUES('shop-debounce','shop','debounce','cff3c7b796bf9cc5',4,'["debounce"]',NULL,'{"debounce": {"key": "event.data.key", "period": "1h"}, "id": "shop-debounce", "name": "debounce", "retries": 4, "triggers": [{"event": "debounce"}]}',1796052964449);
INSERT INTO "inngest_functions" VALUES('shop-batch','shop','batch','2c786e0bdca6fe17',4,'["batch"]',NULL,'{"batchEvents": {"key": "event.data.key", "maxSize": 9, "timeout": "1m"}, "id": "shop-batch", "name": "batch", "retries": 4, "triggers": [{"event": "batch"}]}',1796052964449);
INSERT INTO "inngest_functions" VALUES('shop-lane','shop','lane','1a22e4b043ecb909',4,'["lane"]',NULL,'{"concurrency": [{"key": "event.data.key", "limit": 1}], "id": "shop-lane", "name": "lane", "priority": {"run": "event.data.priority"}, "retries": 4, "triggers": [{"event": "lane"}]}',1796052964449);
INSERT INTO "inngest_functions" VALUES('shop-throttle','shop','throttle','f13d4f522cd73db3',4,'["throttle"]',NULL,'{"id": "shop-throttle", "name": "throttle", "retries": 4, "throttle": {"burst": 1, "key": "event.data.key", "limit": 1, "period": "1h"}, "triggers": [{"event": "throttle"}]}',1796052964449);
INSERT INTO "inngest_functions" VALUES('shop-paused','shop','paused','a1f972599724984c',4,'["paused"]',NULL,'{"id": "shop-paused", "name": "paused", "retries": 4, "triggers": [{"event": "paused"}]}',1796052964449);
INSERT INTO "inngest_functions" VALUES('shop-retry','shop','retry','72f2ce1e58fb0a67',4,'["retry"]',NULL,'{"id": "shop-retry", "name": "retry", "retries": 4, "triggers": [{"event": "retry"}]}',1796052964449);
INSERT INTO "inngest_functions" VALUES('shop-child','shop','child','01af6491cb25340c',4,'["never"]',NULL,'{"id": "shop-child", "name": "child", "retries": 4, "triggers": [{"event": "never"}]}',1796052964449);
INSERT INTO "inngest_functions" VALUES('shop-parent','shop','parent','7decb023932f9d26',4,'["parent"]',NULL,'{"id": "shop-parent", "name": "parent", "retries": 4, "triggers": [{"event": "parent"}]}',1796052964449);
INSERT INTO "inngest_functions" VALUES('shop-once','shop','once','b3d00c85536e7e00',4,'["once"]',NULL,'{"id": "shop-once", "idempotency": "event.data.key", "name": "once", "rateLimit": {"key": "event.data.key", "limit": 5, "period": "1h"}, "retries": 4, "triggers": [{"event": "once"}]}',1796052964449);
INSERT INTO "inngest_functions" VALUES('shop-single','shop','single','47c72bac95be1f24',4,'["single"]',NULL,'{"id": "shop-single", "name": "single", "retries": 4, "singleton": {"key": "event.data.key", "mode": "skip"}, "triggers": [{"event": "single"}]}',1796052964449);
INSERT INTO "inngest_functions" VALUES('shop-under-way','shop','under-way','9a71dc756aa53c7a',4,'["under-way"]',NULL,'{"id": "shop-under-way", "name": "under-way", "retries": 4, "triggers": [{"event": "under-way"}]}',1796052964449);
INSERT INTO "inngest_functions" VALUES('shop-fail','shop','fail','c73b934800575c2f',0,'["fail"]',NULL,'{"id": "shop-fail", "name": "fail", "retries": 0, "triggers": [{"event": "fail"}]}',1796052964449);
INSERT INTO "inngest_functions" VALUES('shop-changed','shop','changed','d0e22083a198aee5',4,'["changed"]',NULL,'{"id": "shop-changed", "name": "changed", "retries": 4, "triggers": [{"event": "changed"}]}',1796052964449);
INSERT INTO "inngest_functions" VALUES('shop-ask','shop','ask','57891f937e7f8554',1,'["ask"]',NULL,'{"id": "shop-ask", "name": "ask", "retries": 1, "triggers": [{"event": "ask"}]}',1796052964449);
CREATE TABLE inngest_idempotency (
	function_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	PRIMARY KEY (function_id, "key")
)
 WITHOUT ROWID

;
INSERT INTO "inngest_idempotency" VALUES('shop-once','22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f','01M8PHJNGP10MW8VSB8K30GF8A',1796139364886);
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
	alone INTEGER NOT NULL, 
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
INSERT INTO "inngest_jobs" VALUES('01M8PHJN73F431PF9W5ZSVTHY5','01M8PHJN5643ENTWH93QFQ8BBE','shop-wait',1821972964579,0,'',0,1821972964579,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PHJN8C742SNHVWXDZ1AFAG','01M8PHJN4CETB9S443NH13AR1X','shop-sleep',1796056564620,0,'',0,1796056564620,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PHJN9N3BSZ66NFADQ18703','01M8PHJN72E7HA96N0VM7E09VT','shop-wait-late',1796056564661,0,'',0,1796056564661,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PHJNB6A6DA52SA685JEQ86','01M8PHJNB6A6DA52SA675WCDNH','shop-lane',1796052964710,0,'["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]',1,1796052964710,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PHJNBW4N1TSQ62GV61TMMV','01M8PHJNBW4N1TSQ62GR1ECV4F','shop-lane',1796052964732,0,'["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]',1,1796052964732,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PHJNDJF10ZCWB2Q9Z1G6EC','01M8PHJNDJF10ZCWB2Q7ZB3KRY','shop-throttle',1796052964786,0,'["shop-throttle",[],"shop-throttle:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]',1,1796052964786,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PHJNEED0QSRQ0VEV100EVP','01M8PHJNEED0QSRQ0VERTFCNN0','shop-paused',1796052964814,0,'',0,1796052964814,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PHJNF67DQXR8D0QN21FFSD','01M8PHJNF67DQXR8D0QHXE68W1','shop-paused',1796052964838,0,'',0,1796052964838,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PHJNGP10MW8VSB8RXS6R4K','01M8PHJNF901CYE2QRWDSQ1HDP','shop-retry',1796052985505,0,'',0,1796052985505,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PHJNGP10MW8VSB8SWR8K50','01M8PHJNG177FZ98A4PH5FAFEH','shop-parent',1827675364886,0,'',0,1827675364886,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PHJNJG5FAWDTTPE8THNTWN','01M8PHJNGP10MW8VSB8K30GF8A','shop-once',1796056564944,0,'',0,1796056564944,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PHJNJG5FAWDTTPEC4Y7S7D','01M8PHJNGP10MW8VSB8M4MHVCX','shop-child',1796056564944,0,'',0,1796056564944,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PHJNM835QY6VDBH2GYS3HC','01M8PHJNHT63FH327SHJ4VTQS7','shop-single',1796056565000,0,'',0,1796056565000,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PHJNPKDBTVHES8C3C7NQMN','01M8PHJNM835QY6VDBGWDEJCWH','shop-ask',1827675365075,0,'',0,1827675365075,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PHJRRN7FSX86NYYNVYXPQF','01M8PHJNKP9M71S0KCBNR91GPH','shop-changed',1796052969213,2,'',0,1796052969213,0,1796052968213,'f27a81303747dc5ea3f6a52a');
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
INSERT INTO "inngest_lanes" VALUES('["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]','shop-lane',NULL,'fn:shop-lane:21f95626:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f',1,'01M8PHJNB6A6DA52SA6AQ7F23F');
INSERT INTO "inngest_lanes" VALUES('["shop-throttle",[],"shop-throttle:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]','shop-throttle',1796056564765,NULL,NULL,'01M8PHJNDJF10ZCWB2QD7490NS');
CREATE TABLE inngest_meta (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "inngest_meta" VALUES('revision','0002');
INSERT INTO "inngest_meta" VALUES('min_compatible','0002');
INSERT INTO "inngest_meta" VALUES('generation','2');
INSERT INTO "inngest_meta" VALUES('time','1796052968213');
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
INSERT INTO "inngest_pauses" VALUES('shop-paused','queue',1796052964466);
CREATE TABLE inngest_rates (
	function_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	started_at BIGINT NOT NULL, 
	run_id TEXT NOT NULL, 
	PRIMARY KEY (function_id, "key", started_at, run_id)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_rates" VALUES('shop-once','22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f',1796052964886,'01M8PHJNGP10MW8VSB8K30GF8A');
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
INSERT INTO "inngest_requests" VALUES('01M8PHJNM835QY6VDBGWDEJCWH','783923e57ba5e8f1044632c31fd806ee24814bb5','Gateway','{"url":"http://127.0.0.1:1/","method":"GET","headers":{},"body":null,"encoding":"","format":"","timeout":60000}',1,1,1796052986416,'none',NULL,'127.0.0.1:1');
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
	PRIMARY KEY (id)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_runs" VALUES('01M8PHJN4CETB9S443NH13AR1X','shop-sleep','90d2f2ad65a21896','01M8PHJN4CETB9S443NGGW4D2P','RUNNING',1796052964492,4,1796052964518,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL);
INSERT INTO "inngest_runs" VALUES('01M8PHJN5643ENTWH93QFQ8BBE','shop-wait','0563bf4dba0d37ed','01M8PHJN5643ENTWH93NA54DCR','RUNNING',1796052964518,4,1796052964518,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,0,0,NULL);
INSERT INTO "inngest_runs" VALUES('01M8PHJN72E7HA96N0VM7E09VT','shop-wait-late','3ab91e0ad534131d','01M8PHJN72E7HA96N0VKXMWNDN','RUNNING',1796052964578,4,1796052964620,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL);
INSERT INTO "inngest_runs" VALUES('01M8PHJNAN1FWM1T1GAENKGFKD','shop-lane','1a22e4b043ecb909','01M8PHJNAN1FWM1T1GAAVDVEB3','RUNNING',1796052964693,4,1796052964693,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,'["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]','f27a81303747dc5ea3f6a52a','8b1c79e1666b5b6518bf2493',1,0,NULL);
INSERT INTO "inngest_runs" VALUES('01M8PHJNB6A6DA52SA675WCDNH','shop-lane','1a22e4b043ecb909','01M8PHJNB6A6DA52SA66RJFK6N','QUEUED',1796052964710,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,'["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]',NULL,NULL,0,0,NULL);
INSERT INTO "inngest_runs" VALUES('01M8PHJNBW4N1TSQ62GR1ECV4F','shop-lane','1a22e4b043ecb909','01M8PHJNBW4N1TSQ62GN2JEDPK','QUEUED',1796052964732,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,'["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]',NULL,NULL,0,0,NULL);
INSERT INTO "inngest_runs" VALUES('01M8PHJNCXDWKGXHZ2KHSQGR18','shop-throttle','f13d4f522cd73db3','01M8PHJNCXDWKGXHZ2KFNKP9C4','COMPLETED',1796052964765,4,1796052964765,1796052964786,0,0,0,'1',NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL);
INSERT INTO "inngest_runs" VALUES('01M8PHJNDJF10ZCWB2Q7ZB3KRY','shop-throttle','f13d4f522cd73db3','01M8PHJNDJF10ZCWB2Q6QSNMV8','QUEUED',1796052964786,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL);
INSERT INTO "inngest_runs" VALUES('01M8PHJNEED0QSRQ0VERTFCNN0','shop-paused','a1f972599724984c','01M8PHJNEED0QSRQ0VEQE2EN9H','QUEUED',1796052964814,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL);
INSERT INTO "inngest_runs" VALUES('01M8PHJNF67DQXR8D0QHXE68W1','shop-paused','a1f972599724984c','01M8PHJNF67DQXR8D0QG94XTCM','QUEUED',1796052964838,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL);
INSERT INTO "inngest_runs" VALUES('01M8PHJNF901CYE2QRWDSQ1HDP','shop-retry','72f2ce1e58fb0a67','01M8PHJNF901CYE2QRWC061EBG','RUNNING',1796052964841,4,1796052964841,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL);
INSERT INTO "inngest_runs" VALUES('01M8PHJNG177FZ98A4PH5FAFEH','shop-parent','7decb023932f9d26','01M8PHJNG177FZ98A4PGDW32XQ','RUNNING',1796052964865,4,1796052964865,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL);
INSERT INTO "inngest_runs" VALUES('01M8PHJNGP10MW8VSB8K30GF8A','shop-once','b3d00c85536e7e00','01M8PHJNGP10MW8VSB8FSC3EMK','RUNNING',1796052964886,4,1796052964921,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL);
INSERT INTO "inngest_runs" VALUES('01M8PHJNGP10MW8VSB8M4MHVCX','shop-child','01af6491cb25340c','01M8PHJNGP10MW8VSB8HDXJPZX','RUNNING',1796052964886,4,1796052964921,NULL,0,0,0,NULL,NULL,NULL,'01M8PHJNG177FZ98A4PH5FAFEH','bc8d8647b02deea0ab3e715c220d041ee78cc19d',0,NULL,NULL,NULL,0,0,NULL);
INSERT INTO "inngest_runs" VALUES('01M8PHJNHT63FH327SHJ4VTQS7','shop-single','47c72bac95be1f24','01M8PHJNHT63FH327SHFZ3X128','RUNNING',1796052964922,4,1796052964966,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL);
INSERT INTO "inngest_runs" VALUES('01M8PHJNJG5FAWDTTPE4PYAQWS','shop-under-way','9a71dc756aa53c7a','01M8PHJNJG5FAWDTTPE1K14AE4','RUNNING',1796052964944,4,1796052964966,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,'f27a81303747dc5ea3f6a52a','5bbe7b2470275fd3a5cf5e1e',0,0,NULL);
INSERT INTO "inngest_runs" VALUES('01M8PHJNK665KZ0WG251BKCDKM','shop-fail','c73b934800575c2f','01M8PHJNK665KZ0WG2509S12KD','FAILED',1796052964966,0,1796052964966,1796052964982,0,0,0,NULL,'{"name": "ValueError", "message": "no stock", "stack": "Traceback (most recent call last):\n  File \"tests/migrations/shop.py\", line 139, in fail\n    raise ValueError(\"no stock\")\nValueError: no stock\n", "code": "unknown"}',NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL);
INSERT INTO "inngest_runs" VALUES('01M8PHJNKP9M71S0KCBNR91GPH','shop-changed','d0e22083a198aee5','01M8PHJNKJF5F8XP89BYMHXVNT','RUNNING',1796052964978,4,1796052965000,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,'{"hold":{"sign":"called","step":"first","call":"renamed","detail":"","times":1,"since":1796052968213,"at":1796052968213},"holds":1,"patches":[],"unasked":[],"threaded":false}');
INSERT INTO "inngest_runs" VALUES('01M8PHJNM835QY6VDBGWDEJCWH','shop-ask','57891f937e7f8554','01M8PHJNM835QY6VDBGV9X0ZZD','RUNNING',1796052965000,1,1796052965045,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL);
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
INSERT INTO "inngest_sessions" VALUES('f27a81303747dc5ea3f6a52a',1796052964409,'elsewhere',1,'["shop-ask", "shop-batch", "shop-changed", "shop-child", "shop-debounce", "shop-fail", "shop-lane", "shop-once", "shop-parent", "shop-paused", "shop-retry", "shop-single", "shop-sleep", "shop-throttle", "shop-under-way", "shop-wait", "shop-wait-late"]','1e7daf0b2b652e9bdf2a18a1','[["01M8PHJNAN1FWM1T1GAENKGFKD", "work", 0, 1796052964711], ["01M8PHJNJG5FAWDTTPE4PYAQWS", "work", 0, 1796052965019]]',NULL);
CREATE TABLE inngest_singletons (
	function_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	PRIMARY KEY (function_id, "key")
)
 WITHOUT ROWID

;
INSERT INTO "inngest_singletons" VALUES('shop-single','22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f','01M8PHJNHT63FH327SHJ4VTQS7');
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
INSERT INTO "inngest_steps" VALUES('01M8PHJN4CETB9S443NH13AR1X','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1796052964620,1796056564620,NULL,NULL,NULL,0,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PHJN4CETB9S443NH13AR1X','e0996a37c13d44c3b06074939d43fa3759bd32c1','first',0,'StepRun',0,0,1796052964578,NULL,1796052964579,'"sleep"',NULL,0,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PHJN5643ENTWH93QFQ8BBE','9e1f1120d2eedc498808e1d855cfdbbd5564f22b','paid',0,'WaitForEvent',NULL,0,1796052964579,1821972964579,NULL,NULL,NULL,0,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PHJN72E7HA96N0VM7E09VT','85777c03b72554cd08e721b6148dc27d2a50a7a6','never',0,'WaitForEvent',NULL,0,1796052964661,1796056564661,NULL,NULL,NULL,0,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PHJNF901CYE2QRWDSQ1HDP','0612bcf5b16a1ec368ef4ebb92d6be2f7040260b','flaky',0,'StepRun',NULL,1,1796052964865,1796052985505,NULL,NULL,NULL,0,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PHJNG177FZ98A4PH5FAFEH','bc8d8647b02deea0ab3e715c220d041ee78cc19d','call',0,'InvokeFunction',NULL,0,1796052964886,1827675364886,NULL,NULL,NULL,0,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PHJNGP10MW8VSB8K30GF8A','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1796052964944,1796056564944,NULL,NULL,NULL,0,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PHJNGP10MW8VSB8M4MHVCX','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1796052964944,1796056564944,NULL,NULL,NULL,0,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PHJNHT63FH327SHJ4VTQS7','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1796052965000,1796056565000,NULL,NULL,NULL,0,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PHJNJG5FAWDTTPE4PYAQWS','51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d','before',0,'StepRun',0,0,1796052964984,NULL,1796052964984,'"before"',NULL,0,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PHJNKP9M71S0KCBNR91GPH','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',1,0,1796052965046,NULL,1796052965074,NULL,NULL,0,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PHJNKP9M71S0KCBNR91GPH','e0996a37c13d44c3b06074939d43fa3759bd32c1','first',0,'StepRun',0,0,1796052965022,NULL,1796052965022,'"changed"',NULL,0,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PHJNM835QY6VDBGWDEJCWH','783923e57ba5e8f1044632c31fd806ee24814bb5','get',0,'Gateway',NULL,0,1796052965075,1827675365075,NULL,NULL,NULL,0,NULL);
CREATE TABLE inngest_throttles (
	id TEXT NOT NULL, 
	tat BIGINT NOT NULL, 
	PRIMARY KEY (id)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_throttles" VALUES('shop-throttle:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f',1796056564765000);
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
INSERT INTO "inngest_timers" VALUES('2d5848a70216fa41e7fe7bd4','batch','["shop-batch", "\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]',1796053024660,'["shop-batch", "2c786e0bdca6fe17", 4, "01M8PHJN9M4TS2F3QHMFJ7NTD7", "01M8PHJN9M4TS2F3QHMADB8AJC", 2, 842]');
INSERT INTO "inngest_timers" VALUES('97926824f8e30fe366df574d','debounce','["shop-debounce", "\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]',1796056564653,'["shop-debounce", "cff3c7b796bf9cc5", 4, "01M8PHJN9DFPYESAT8CFMPA2JG", 1796052964653, 1796052964620]');
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
INSERT INTO "inngest_waits" VALUES('01M8PHJN5643ENTWH93QFQ8BBE','9e1f1120d2eedc498808e1d855cfdbbd5564f22b','step','event:wait/paid','["data","id"]','1','','[1]',1821972964579,0);
INSERT INTO "inngest_waits" VALUES('01M8PHJN5643ENTWH93QFQ8BBE','cancel:0','cancel','event:wait/cancel','["data","id"]','1','','[1]',1827675364518,0);
INSERT INTO "inngest_waits" VALUES('01M8PHJN72E7HA96N0VM7E09VT','85777c03b72554cd08e721b6148dc27d2a50a7a6','step','event:never','','','','[]',1796056564661,0);
INSERT INTO "inngest_waits" VALUES('01M8PHJNG177FZ98A4PH5FAFEH','bc8d8647b02deea0ab3e715c220d041ee78cc19d','invoke','invoke:shop-child','','','','[]',1827675364886,0);
INSERT INTO "inngest_waits" VALUES('01M8PHJNM835QY6VDBGWDEJCWH','783923e57ba5e8f1044632c31fd806ee24814bb5','request','request:GET http://127.0.0.1:1/','','','','[]',1827675365075,0);
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
INSERT INTO "inngest_writers" VALUES('1e7daf0b2b652e9bdf2a18a1',33);
CREATE INDEX inngest_batches_by_event ON inngest_batches (event_id);
CREATE INDEX inngest_events_by_age ON inngest_events (received_at, id);
CREATE INDEX inngest_events_by_name ON inngest_events (name, received_at, id);
CREATE INDEX inngest_idempotency_by_end ON inngest_idempotency (expires_at);
CREATE INDEX inngest_inbox_by_event ON inngest_inbox (event_id) WHERE event_id IS NOT NULL;
CREATE INDEX inngest_jobs_by_function ON inngest_jobs (function_id, alone, lane, start, score, id);
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
CREATE INDEX inngest_runs_by_parent ON inngest_runs (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX inngest_runs_by_session ON inngest_runs (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX inngest_singletons_by_run ON inngest_singletons (run_id);
CREATE INDEX inngest_timers_by_due ON inngest_timers (due_at);
CREATE INDEX inngest_troubles_by_end ON inngest_troubles (until);
CREATE INDEX inngest_waits_by_topic ON inngest_waits (topic, path, "key", run_id, hash);
CREATE INDEX inngest_woken_by_event ON inngest_woken (event_id);
COMMIT;
