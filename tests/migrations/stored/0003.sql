-- 1796066192632
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
INSERT INTO "inngest_apps" VALUES('served','17dd7878-53cb-5cf9-9ce2-bf2eebada593','http://127.0.0.1:46115/','serve','py:v0.5.19','','flask','','b6211187085b241f2e485ce728314f2c72e120c891de2b558d698f2699fad0a7',1796066190949,1796066190949,NULL,NULL);
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
INSERT INTO "inngest_attempts" VALUES('01M8PY69WMESV0Y8RX0N9EC61H','0612bcf5b16a1ec368ef4ebb92d6be2f7040260b',0,1796066191277,1796066191272,'{"name": "RuntimeError", "message": "busy", "stack": "Traceback (most recent call last):\n  File \"tests/migrations/shop.py\", line 180, in flaky\n    raise RuntimeError(\"busy\")\nRuntimeError: busy\n", "code": "unknown"}');
INSERT INTO "inngest_attempts" VALUES('01M8PY6A0S751R69127MJQX866','783923e57ba5e8f1044632c31fd806ee24814bb5',0,1796066191463,1796066191456,'{"name": "GatewayError", "message": "GET http://127.0.0.1:1/: ConnectError: Connection refused"}');
CREATE TABLE inngest_batches (
	batch_id TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	event_id TEXT NOT NULL, 
	PRIMARY KEY (batch_id, position)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_batches" VALUES('["shop-debounce", "\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]',0,'01M8PY69QFD9MAZE4RJ74DYNVV');
INSERT INTO "inngest_batches" VALUES('01M8PY69R4469M5W9JBMZ8K1QT',0,'01M8PY69R4469M5W9JBGY5NMFN');
INSERT INTO "inngest_batches" VALUES('01M8PY69R4469M5W9JBMZ8K1QT',1,'01M8PY69RWADDTZ9YRP7XGNK1R');
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
	extra TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "inngest_events" VALUES('01M8PY69MACQK4K0ZZDBG0Z4DV','sleep','{}',1796066190986,'',1796066190986,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY69MVD6RZF30KEW96DC1P','wait','{"id":1}',1796066191003,'',1796066191003,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY69P0BW7F1D22ZYJMTBF9','wait-late','{}',1796066191040,'',1796066191040,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY69PJF9Y2PR5AYKY11WNB','debounce','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":1}',1796066191058,'',1796066191058,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY69QFD9MAZE4RJ74DYNVV','debounce','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":2}',1796066191087,'',1796066191087,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY69R4469M5W9JBGY5NMFN','batch','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":1}',1796066191108,'',1796066191108,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY69RWADDTZ9YRP7XGNK1R','batch','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":2}',1796066191132,'',1796066191132,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY69SCAFYGSTCA0RNT2EG4','lane','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":1,"priority":0}',1796066191148,'',1796066191148,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY69SX7JQ7HFAY53WZNKV6','lane','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":2,"priority":0}',1796066191165,'',1796066191165,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY69TCCHM5G2ZWE1EFVB65','lane','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":3,"priority":0}',1796066191180,'',1796066191180,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY69V03TGKYK3GSABQ85VE','throttle','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":1}',1796066191200,'',1796066191200,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY69VDFF3BKAETH1T6QQAF','throttle','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-","number":2}',1796066191213,'',1796066191213,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY69W21GRBNPQCX175M494','paused','{"number":1}',1796066191234,'',1796066191234,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY69W4EASXZY99R32C3YKX','paused','{"number":2}',1796066191236,'',1796066191236,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY69WMESV0Y8RX0HB8C0V6','retry','{}',1796066191252,'',1796066191252,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY69X80ZRC9JV1RQ36DG54','parent','{}',1796066191272,'',1796066191272,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY69XP8PKBRJ0FB5QTYAWJ','once','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-"}',1796066191286,'',1796066191286,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY69XP8PKBRJ0FB6RPGJHV','inngest/function.invoked','{"_inngest":{"fn_id":"shop-child","correlation_id":"01M8PY69X80ZRC9JV1RSPRAJ7H.bc8d8647b02deea0ab3e715c220d041ee78cc19d","expire":1827688591286,"name":"call","source_fn_id":"shop-parent"}}',1796066191286,'',1796066191286,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY69YH0G1RWNWR0H4S826Z','single','{"key":"key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-key-"}',1796066191313,'',1796066191313,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY69Z88RJ1B6RQFYGDB334','under-way','{}',1796066191336,'',1796066191336,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY69ZH2Q4YKNRYKK17V67E','fail','{}',1796066191345,'',1796066191345,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY69ZXAQ653N371Y5PC8WX','changed','{}',1796066191357,'',1796066191357,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY6A0S751R69127GZP82AW','ask','{}',1796066191385,'',1796066191385,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY6A14E5779CCNCGE6K85V','served-sleep','{}',1796066191396,'',1796066191396,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY6A1NE3KHQ896XAD98JS5','served-call','{}',1796066191413,'',1796066191413,NULL);
INSERT INTO "inngest_events" VALUES('01M8PY6A2KBT49K13HZR34AENN','inngest/function.failed','{"function_id":"shop-fail","run_id":"01M8PY69ZH2Q4YKNRYKKNX52ND","event":{"id":"01M8PY69ZH2Q4YKNRYKK17V67E","name":"fail","data":{},"ts":1796066191345,"user":{}},"events":[{"id":"01M8PY69ZH2Q4YKNRYKK17V67E","name":"fail","data":{},"ts":1796066191345}],"_inngest":{"status":"Failed"},"error":{"error":"ValueError","name":"ValueError","message":"no stock","stack":"Traceback (most recent call last):\n  File \"tests/migrations/shop.py\", line 140, in fail\n    raise ValueError(\"no stock\")\nValueError: no stock\n"},"result":{"code":"unknown","name":"ValueError","message":"no stock","stack":"Traceback (most recent call last):\n  File \"tests/migrations/shop.py\", line 140, in fail\n    raise ValueError(\"no stock\")\nValueError: no stock\n"}}',1796066191443,'01M8PY69ZH2Q4YKNRYKKNX52ND',1796066191443,NULL);
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
INSERT INTO "inngest_functions" VALUES('shop-sleep','shop','sleep','90d2f2ad65a21896',4,'["sleep"]',NULL,'{"id": "shop-sleep", "name": "sleep", "retries": 4, "triggers": [{"event": "sleep"}]}',1796066190886,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-wait','shop','wait','0563bf4dba0d37ed',4,'["wait"]',NULL,'{"cancel": [{"event": "wait/cancel", "if": "event.data.id == async.data.id"}], "id": "shop-wait", "name": "wait", "retries": 4, "triggers": [{"event": "wait"}]}',1796066190886,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-wait-late','shop','wait-late','3ab91e0ad534131d',4,'["wait-late"]',NULL,'{"id": "shop-wait-late", "name": "wait-late", "retries": 4, "triggers": [{"event": "wait-late"}]}',1796066190886,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-debounce','shop','debounce','cff3c7b796bf9cc5',4,'["debounce"]',NULL,'{"debounce": {"key": "event.data.key", "period": "1h"}, "id": "shop-debounce", "name": "debounce", "retries": 4, "triggers": [{"event": "debounce"}]}',1796066190886,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-batch','shop','batch','2c786e0bdca6fe17',4,'["batch"]',NULL,'{"batchEvents": {"key": "event.data.key", "maxSize": 9, "timeout": "1m"}, "id": "shop-batch", "name": "batch", "retries": 4, "triggers": [{"event": "batch"}]}',1796066190886,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-lane','shop','lane','1a22e4b043ecb909',4,'["lane"]',NULL,'{"concurrency": [{"key": "event.data.key", "limit": 1}], "id": "shop-lane", "name": "lane", "priority": {"run": "event.data.priority"}, "retries": 4, "triggers": [{"event": "lane"}]}',1796066190886,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-throttle','shop','throttle','f13d4f522cd73db3',4,'["throttle"]',NULL,'{"id": "shop-throttle", "name": "throttle", "retries": 4, "throttle": {"burst": 1, "key": "event.data.key", "limit": 1, "period": "1h"}, "triggers": [{"event": "throttle"}]}',1796066190886,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-paused','shop','paused','a1f972599724984c',4,'["paused"]',NULL,'{"id": "shop-paused", "name": "paused", "retries": 4, "triggers": [{"event": "paused"}]}',1796066190886,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-retry','shop','retry','72f2ce1e58fb0a67',4,'["retry"]',NULL,'{"id": "shop-retry", "name": "retry", "retries": 4, "triggers": [{"event": "retry"}]}',1796066190886,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-child','shop','child','01af6491cb25340c',4,'["never"]',NULL,'{"id": "shop-child", "name": "child", "retries": 4, "triggers": [{"event": "never"}]}',1796066190886,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-parent','shop','parent','7decb023932f9d26',4,'["parent"]',NULL,'{"id": "shop-parent", "name": "parent", "retries": 4, "triggers": [{"event": "parent"}]}',1796066190886,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-once','shop','once','b3d00c85536e7e00',4,'["once"]',NULL,'{"id": "shop-once", "idempotency": "event.data.key", "name": "once", "rateLimit": {"key": "event.data.key", "limit": 5, "period": "1h"}, "retries": 4, "triggers": [{"event": "once"}]}',1796066190886,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-single','shop','single','47c72bac95be1f24',4,'["single"]',NULL,'{"id": "shop-single", "name": "single", "retries": 4, "singleton": {"key": "event.data.key", "mode": "skip"}, "triggers": [{"event": "single"}]}',1796066190886,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-under-way','shop','under-way','9a71dc756aa53c7a',4,'["under-way"]',NULL,'{"id": "shop-under-way", "name": "under-way", "retries": 4, "triggers": [{"event": "under-way"}]}',1796066190886,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-fail','shop','fail','c73b934800575c2f',0,'["fail"]',NULL,'{"id": "shop-fail", "name": "fail", "retries": 0, "triggers": [{"event": "fail"}]}',1796066190886,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-changed','shop','changed','d0e22083a198aee5',4,'["changed"]',NULL,'{"id": "shop-changed", "name": "changed", "retries": 4, "triggers": [{"event": "changed"}]}',1796066190886,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-ask','shop','ask','57891f937e7f8554',1,'["ask"]',NULL,'{"id": "shop-ask", "name": "ask", "retries": 1, "triggers": [{"event": "ask"}]}',1796066190886,NULL,'local',NULL,NULL);
INSERT INTO "inngest_functions" VALUES('shop-served-sleep','served','served-sleep','4e2622fc92c68f2c',3,'["served-sleep"]',NULL,'{"id": "shop-served-sleep", "name": "served-sleep", "retries": 3, "triggers": [{"event": "served-sleep"}]}',1796066190949,'c87504b8-b6cd-5dcb-a7ef-169dcfb45636','http','http://127.0.0.1:46115/?fnId=shop-served-sleep&stepId=step',NULL);
INSERT INTO "inngest_functions" VALUES('shop-served-call','served','served-call','3235893690a6ebb7',3,'["served-call"]',NULL,'{"id": "shop-served-call", "name": "served-call", "retries": 3, "triggers": [{"event": "served-call"}]}',1796066190949,'f256da5e-bc49-51b7-806b-93dbc2d092cf','http','http://127.0.0.1:46115/?fnId=shop-served-call&stepId=step',NULL);
CREATE TABLE inngest_idempotency (
	function_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	PRIMARY KEY (function_id, "key")
)
 WITHOUT ROWID

;
INSERT INTO "inngest_idempotency" VALUES('shop-once','22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f','01M8PY69XP8PKBRJ0FBA2D0M6F',1796152591286);
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
INSERT INTO "inngest_jobs" VALUES('01M8PY69P12YX1JZH44ZWY60Q2','01M8PY69MACQK4K0ZZDEMB5AM9','shop-sleep',1796069791041,0,'',0,1796069791041,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PY69PMAV26MDJ2S67GVWMG','01M8PY69P0BW7F1D22ZZS85S85','shop-wait-late',1796069791060,0,'',0,1796069791060,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PY69R69KVAYDB9946YQ1HS','01M8PY69MVD6RZF30KF08NB4C7','shop-wait',1821986191110,0,'',0,1821986191110,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PY69SX7JQ7HFAY55F06WZ3','01M8PY69SX7JQ7HFAY53ZBVSR5','shop-lane',1796066191165,0,'["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]',1,1796066191165,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PY69TCCHM5G2ZWE6A1ZJCR','01M8PY69TCCHM5G2ZWE5184NRQ','shop-lane',1796066191180,0,'["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]',1,1796066191180,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PY69VDFF3BKAETH4BP65Y2','01M8PY69VDFF3BKAETH3NN79PF','shop-throttle',1796066191213,0,'["shop-throttle",[],"shop-throttle:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]',1,1796066191213,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PY69W21GRBNPQCX42HDD26','01M8PY69W21GRBNPQCX2BB8AE3','shop-paused',1796066191234,0,'',0,1796066191234,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PY69W4EASXZY99R7D3PG4T','01M8PY69W4EASXZY99R6T11P3Q','shop-paused',1796066191236,0,'',0,1796066191236,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PY69XP8PKBRJ0FBJ86P773','01M8PY69X80ZRC9JV1RSPRAJ7H','shop-parent',1827688591286,0,'',0,1827688591286,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PY69Y4F2T0HMR4F9X7PGXZ','01M8PY69WMESV0Y8RX0N9EC61H','shop-retry',1796066222834,0,'',0,1796066222834,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PY69ZY0X2FKBCMTZSQXVW0','01M8PY69XP8PKBRJ0FBA2D0M6F','shop-once',1796069791358,0,'',0,1796069791358,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PY69ZY0X2FKBCMV3A15WPM','01M8PY69XP8PKBRJ0FBE6YB9K1','shop-child',1796069791358,0,'',0,1796069791358,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PY69ZY0X2FKBCMV3TGX4FS','01M8PY69YH0G1RWNWR0JEV41V2','shop-single',1796069791358,0,'',0,1796069791358,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PY6A156TWQ6QSZ4TARK0NV','01M8PY6A0S751R69127MJQX866','shop-ask',1827688591397,0,'',0,1827688591397,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PY6A3VAQC9ZBR30ERNQ3W8','01M8PY6A14E5779CCNCGGPPEBG','shop-served-sleep',1796069791464,0,'',0,1796069791464,0,NULL,NULL);
INSERT INTO "inngest_jobs" VALUES('01M8PY6B3XBR29YT3964TCYX41','01M8PY69ZXAQ653N371YNFNZ4E','shop-changed',1796066193509,2,'',0,1796066193509,0,1796066192509,'8794dc34193a05e443a37254');
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
INSERT INTO "inngest_lanes" VALUES('["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]','shop-lane',NULL,'fn:shop-lane:21f95626:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f',1,'01M8PY69SX7JQ7HFAY58ZAVZJ2');
INSERT INTO "inngest_lanes" VALUES('["shop-throttle",[],"shop-throttle:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]','shop-throttle',1796069791200,NULL,NULL,'01M8PY69VDFF3BKAETH66C5BZA');
CREATE TABLE inngest_meta (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "inngest_meta" VALUES('revision','0003');
INSERT INTO "inngest_meta" VALUES('min_compatible','0003');
INSERT INTO "inngest_meta" VALUES('generation','3');
INSERT INTO "inngest_meta" VALUES('time','1796066192509');
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
INSERT INTO "inngest_pauses" VALUES('shop-paused','queue',1796066190970);
CREATE TABLE inngest_rates (
	function_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	started_at BIGINT NOT NULL, 
	run_id TEXT NOT NULL, 
	PRIMARY KEY (function_id, "key", started_at, run_id)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_rates" VALUES('shop-once','22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f',1796066191286,'01M8PY69XP8PKBRJ0FBA2D0M6F');
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
INSERT INTO "inngest_requests" VALUES('01M8PY6A0S751R69127MJQX866','783923e57ba5e8f1044632c31fd806ee24814bb5','Gateway','{"url":"http://127.0.0.1:1/","method":"GET","headers":{},"body":null,"encoding":"","format":"","timeout":60000}',1,1,1796066228249,'none',NULL,'127.0.0.1:1');
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
	PRIMARY KEY (id)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_runs" VALUES('01M8PY69MACQK4K0ZZDEMB5AM9','shop-sleep','90d2f2ad65a21896','01M8PY69MACQK4K0ZZDBG0Z4DV','RUNNING',1796066190986,4,1796066190986,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8PY69MVD6RZF30KF08NB4C7','shop-wait','0563bf4dba0d37ed','01M8PY69MVD6RZF30KEW96DC1P','RUNNING',1796066191003,4,1796066191040,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,0,0,NULL,1,-1,1,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8PY69P0BW7F1D22ZZS85S85','shop-wait-late','3ab91e0ad534131d','01M8PY69P0BW7F1D22ZYJMTBF9','RUNNING',1796066191040,4,1796066191040,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8PY69SCAFYGSTCA0WCFYV5F','shop-lane','1a22e4b043ecb909','01M8PY69SCAFYGSTCA0RNT2EG4','RUNNING',1796066191148,4,1796066191148,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,'["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]','8794dc34193a05e443a37254','99284c3a6500f86c867e172f',1,0,NULL,0,-1,1,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8PY69SX7JQ7HFAY53ZBVSR5','shop-lane','1a22e4b043ecb909','01M8PY69SX7JQ7HFAY53WZNKV6','QUEUED',1796066191165,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,'["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]',NULL,NULL,0,0,NULL,0,-1,1,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8PY69TCCHM5G2ZWE5184NRQ','shop-lane','1a22e4b043ecb909','01M8PY69TCCHM5G2ZWE1EFVB65','QUEUED',1796066191180,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,'["shop-lane",["fn:shop-lane:21f95626:\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"],null]',NULL,NULL,0,0,NULL,0,-1,1,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8PY69V03TGKYK3GSDGPQTZ4','shop-throttle','f13d4f522cd73db3','01M8PY69V03TGKYK3GSABQ85VE','COMPLETED',1796066191200,4,1796066191200,1796066191216,0,0,0,'1',NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8PY69VDFF3BKAETH3NN79PF','shop-throttle','f13d4f522cd73db3','01M8PY69VDFF3BKAETH1T6QQAF','QUEUED',1796066191213,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8PY69W21GRBNPQCX2BB8AE3','shop-paused','a1f972599724984c','01M8PY69W21GRBNPQCX175M494','QUEUED',1796066191234,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8PY69W4EASXZY99R6T11P3Q','shop-paused','a1f972599724984c','01M8PY69W4EASXZY99R32C3YKX','QUEUED',1796066191236,4,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8PY69WMESV0Y8RX0N9EC61H','shop-retry','72f2ce1e58fb0a67','01M8PY69WMESV0Y8RX0HB8C0V6','RUNNING',1796066191252,4,1796066191252,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8PY69X80ZRC9JV1RSPRAJ7H','shop-parent','7decb023932f9d26','01M8PY69X80ZRC9JV1RQ36DG54','RUNNING',1796066191272,4,1796066191272,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8PY69XP8PKBRJ0FBA2D0M6F','shop-once','b3d00c85536e7e00','01M8PY69XP8PKBRJ0FB5QTYAWJ','RUNNING',1796066191286,4,1796066191336,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,1,-1,1,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8PY69XP8PKBRJ0FBE6YB9K1','shop-child','01af6491cb25340c','01M8PY69XP8PKBRJ0FB6RPGJHV','RUNNING',1796066191286,4,1796066191336,NULL,0,0,0,NULL,NULL,NULL,'01M8PY69X80ZRC9JV1RSPRAJ7H','bc8d8647b02deea0ab3e715c220d041ee78cc19d',0,NULL,NULL,NULL,0,0,NULL,1,-1,1,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8PY69YH0G1RWNWR0JEV41V2','shop-single','47c72bac95be1f24','01M8PY69YH0G1RWNWR0H4S826Z','RUNNING',1796066191313,4,1796066191336,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,1,-1,1,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8PY69Z88RJ1B6RQG032E0YC','shop-under-way','9a71dc756aa53c7a','01M8PY69Z88RJ1B6RQFYGDB334','RUNNING',1796066191336,4,1796066191336,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,'8794dc34193a05e443a37254','86faeab7ff6fad7c5a57d58c',0,0,NULL,0,-1,1,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8PY69ZH2Q4YKNRYKKNX52ND','shop-fail','c73b934800575c2f','01M8PY69ZH2Q4YKNRYKK17V67E','FAILED',1796066191345,0,1796066191384,1796066191443,0,0,0,NULL,'{"name": "ValueError", "message": "no stock", "stack": "Traceback (most recent call last):\n  File \"tests/migrations/shop.py\", line 140, in fail\n    raise ValueError(\"no stock\")\nValueError: no stock\n", "code": "unknown"}',NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,1,-1,1,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8PY69ZXAQ653N371YNFNZ4E','shop-changed','d0e22083a198aee5','01M8PY69ZXAQ653N371Y5PC8WX','RUNNING',1796066191357,4,1796066191357,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,'{"hold":{"sign":"called","step":"first","call":"renamed","detail":"","times":1,"since":1796066192509,"at":1796066192509},"holds":1,"patches":[],"unasked":[],"threaded":false}',1,-1,1,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8PY6A0S751R69127MJQX866','shop-ask','57891f937e7f8554','01M8PY6A0S751R69127GZP82AW','RUNNING',1796066191385,1,1796066191385,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,-1,1,NULL,0);
INSERT INTO "inngest_runs" VALUES('01M8PY6A14E5779CCNCGGPPEBG','shop-served-sleep','4e2622fc92c68f2c','01M8PY6A14E5779CCNCGE6K85V','RUNNING',1796066191396,3,1796066191396,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,0,NULL,0,1,0,0,0);
INSERT INTO "inngest_runs" VALUES('01M8PY6A1NE3KHQ896XG2540T5','shop-served-call','3235893690a6ebb7','01M8PY6A1NE3KHQ896XAD98JS5','RUNNING',1796066191413,3,1796066191442,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,'8794dc34193a05e443a37254','d6e2fbda6554398c54478d03',0,0,NULL,1,-1,1,NULL,0);
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
INSERT INTO "inngest_sessions" VALUES('8794dc34193a05e443a37254',1796066190871,'elsewhere',1,'["shop-ask", "shop-batch", "shop-changed", "shop-child", "shop-debounce", "shop-fail", "shop-lane", "shop-once", "shop-parent", "shop-paused", "shop-retry", "shop-single", "shop-sleep", "shop-throttle", "shop-under-way", "shop-wait", "shop-wait-late", "*"]','4b38087912765a9cfecae018',NULL,NULL);
CREATE TABLE inngest_singletons (
	function_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	PRIMARY KEY (function_id, "key")
)
 WITHOUT ROWID

;
INSERT INTO "inngest_singletons" VALUES('shop-single','22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f','01M8PY69YH0G1RWNWR0JEV41V2');
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
INSERT INTO "inngest_steps" VALUES('01M8PY69MACQK4K0ZZDEMB5AM9','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1796066191041,1796069791041,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PY69MACQK4K0ZZDEMB5AM9','e0996a37c13d44c3b06074939d43fa3759bd32c1','first',0,'StepRun',0,0,1796066191007,NULL,1796066191007,'"sleep"',NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PY69MVD6RZF30KF08NB4C7','9e1f1120d2eedc498808e1d855cfdbbd5564f22b','paid',0,'WaitForEvent',NULL,0,1796066191110,1821986191110,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PY69P0BW7F1D22ZZS85S85','85777c03b72554cd08e721b6148dc27d2a50a7a6','never',0,'WaitForEvent',NULL,0,1796066191060,1796069791060,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PY69WMESV0Y8RX0N9EC61H','0612bcf5b16a1ec368ef4ebb92d6be2f7040260b','flaky',0,'StepRun',NULL,1,1796066191272,1796066222834,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PY69X80ZRC9JV1RSPRAJ7H','bc8d8647b02deea0ab3e715c220d041ee78cc19d','call',0,'InvokeFunction',NULL,0,1796066191286,1827688591286,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PY69XP8PKBRJ0FBA2D0M6F','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1796066191358,1796069791358,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PY69XP8PKBRJ0FBE6YB9K1','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1796066191358,1796069791358,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PY69YH0G1RWNWR0JEV41V2','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1796066191358,1796069791358,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PY69Z88RJ1B6RQG032E0YC','51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d','before',0,'StepRun',0,0,1796066191355,NULL,1796066191355,'"before"',NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PY69ZXAQ653N371YNFNZ4E','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',1,0,1796066191397,NULL,1796066191473,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PY69ZXAQ653N371YNFNZ4E','e0996a37c13d44c3b06074939d43fa3759bd32c1','first',0,'StepRun',0,0,1796066191385,NULL,1796066191385,'"changed"',NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PY6A0S751R69127MJQX866','783923e57ba5e8f1044632c31fd806ee24814bb5','get',0,'Gateway',NULL,0,1796066191397,1827688591397,NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "inngest_steps" VALUES('01M8PY6A14E5779CCNCGGPPEBG','27ad1672d8c97d748c9f1d8d465abfbf6bffeb72','rest',0,'Sleep',NULL,0,1796066191464,1796069791464,NULL,NULL,NULL,0,NULL,'wait',NULL);
INSERT INTO "inngest_steps" VALUES('01M8PY6A14E5779CCNCGGPPEBG','e0996a37c13d44c3b06074939d43fa3759bd32c1','first',0,'StepRun',0,0,1796066191413,NULL,1796066191435,'"served"',NULL,0,NULL,NULL,NULL);
CREATE TABLE inngest_throttles (
	id TEXT NOT NULL, 
	tat BIGINT NOT NULL, 
	PRIMARY KEY (id)
)
 WITHOUT ROWID

;
INSERT INTO "inngest_throttles" VALUES('shop-throttle:22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f',1796069791200000);
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
INSERT INTO "inngest_timers" VALUES('35ef70edb33ac755695636bf','debounce','["shop-debounce", "\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]',1796069791087,'["shop-debounce", "cff3c7b796bf9cc5", 4, "01M8PY69QFD9MAZE4RJ74DYNVV", 1796066191087, 1796066191058]');
INSERT INTO "inngest_timers" VALUES('9d5f15f47b7d884412bafadd','batch','["shop-batch", "\u001e22cbc2843ff672b69c61e9910c2319e352b2b553131fbdc56dfa193b8ddad20f"]',1796066251108,'["shop-batch", "2c786e0bdca6fe17", 4, "01M8PY69R4469M5W9JBMZ8K1QT", "01M8PY69R4469M5W9JBGY5NMFN", 2, 842]');
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
INSERT INTO "inngest_waits" VALUES('01M8PY69MVD6RZF30KF08NB4C7','9e1f1120d2eedc498808e1d855cfdbbd5564f22b','step','event:wait/paid','["data","id"]','1','','[1]',1821986191110,0);
INSERT INTO "inngest_waits" VALUES('01M8PY69MVD6RZF30KF08NB4C7','cancel:0','cancel','event:wait/cancel','["data","id"]','1','','[1]',1827688591003,0);
INSERT INTO "inngest_waits" VALUES('01M8PY69P0BW7F1D22ZZS85S85','85777c03b72554cd08e721b6148dc27d2a50a7a6','step','event:never','','','','[]',1796069791060,0);
INSERT INTO "inngest_waits" VALUES('01M8PY69X80ZRC9JV1RSPRAJ7H','bc8d8647b02deea0ab3e715c220d041ee78cc19d','invoke','invoke:shop-child','','','','[]',1827688591286,0);
INSERT INTO "inngest_waits" VALUES('01M8PY6A0S751R69127MJQX866','783923e57ba5e8f1044632c31fd806ee24814bb5','request','request:GET http://127.0.0.1:1/','','','','[]',1827688591397,0);
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
INSERT INTO "inngest_writers" VALUES('4b38087912765a9cfecae018',35);
CREATE INDEX inngest_batches_by_event ON inngest_batches (event_id);
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
CREATE INDEX inngest_runs_by_parent ON inngest_runs (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX inngest_runs_by_session ON inngest_runs (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX inngest_singletons_by_run ON inngest_singletons (run_id);
CREATE INDEX inngest_timers_by_due ON inngest_timers (due_at);
CREATE INDEX inngest_troubles_by_end ON inngest_troubles (until);
CREATE INDEX inngest_waits_by_topic ON inngest_waits (topic, path, "key", run_id, hash);
CREATE INDEX inngest_woken_by_event ON inngest_woken (event_id);
COMMIT;
