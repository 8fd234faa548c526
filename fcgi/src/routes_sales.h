/*
 * routes_sales.h
 *		Rows of the route table: tasks of staff about persons.  Read by route_table.c only.
 */
#define TASK_ID		{"task_id", CRM_IN_PATH, CRM_BIGINT, true, NULL, NULL}

	{
		.method = CRM_GET, .path = "/api/v1/tasks", .operation = "tasks", .tag = "Tasks",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT j::text, j->>'cursor' FROM crm.sales_tasks(coalesce($1, 'mine'), $2, $3::jsonb, $4) j",
		.params = {
			{"list", CRM_IN_QUERY, CRM_TEXT, false, NULL, "mine, store or escalated; default mine"},
			{"until", CRM_IN_QUERY, CRM_DATE, false, NULL, "due up to this local day"},
			{"cursor", CRM_IN_CURSOR, CRM_TEXT, false, NULL, "of the page before"},
			LIMIT,
		},
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Open tasks, the most overdue first", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/tasks", .operation = "task_create", .tag = "Tasks",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT 201 AS status, crm.sales_task_create($1, crm.gateway_text($2, 'title', true), "
		"crm.gateway_date($2, 'due_on', true), crm.gateway_text($2, 'body'), crm.gateway_text($2, 'staff'), $3)::text AS body",
		.params = {PERSON_ID, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Give somebody a task about a person",
		.request_schema = "Task", .response_schema = "Object", .success = 201,
		.example = "{\"title\":\"送新品试吃\",\"due_on\":\"2026-04-02\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/tasks/{task_id}/finish", .operation = "task_finish",
		.tag = "Tasks", .access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT 200 AS status, crm.sales_task_finish($1, $2, crm.gateway_text($3, 'outcome', true), "
		"coalesce((crm.gateway_text($3, 'state')) = 'cancelled', false))::text AS body",
		.params = {PERSON_ID, TASK_ID, BODY}, .timeout_ms = FAST_MS, .summary = "Close a task, with what came of it",
		.request_schema = "TaskEnd", .response_schema = "Object", .success = 200,
		.example = "{\"outcome\":\"下周再来\",\"state\":\"done\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/persons/{person_id}/tasks/{task_id}/reopen", .operation = "task_reopen",
		.tag = "Tasks", .access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT 200 AS status, crm.sales_task_reopen($1, $2)::text AS body",
		.params = {PERSON_ID, TASK_ID}, .timeout_ms = FAST_MS, .summary = "Take back what one closed by mistake within the hour",
		.response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_PATCH, .path = "/api/v1/persons/{person_id}/tasks/{task_id}", .operation = "task_change",
		.tag = "Tasks", .access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT 200 AS status, crm.sales_task_change($1, $2, crm.gateway_text($3, 'staff'), "
		"crm.gateway_date($3, 'due_on'))::text AS body",
		.params = {PERSON_ID, TASK_ID, BODY}, .timeout_ms = FAST_MS,
		.summary = "Give a task to somebody else, or move its day",
		.request_schema = "TaskChange", .response_schema = "Object", .success = 200,
		.example = "{\"due_on\":\"2026-04-05\"}",
	},
	{
		.method = CRM_POST, .path = "/api/v1/staff/{staff}/reassign", .operation = "reassign", .tag = "Tasks",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, headquarters",
		.sql = "SELECT 200 AS status, crm.sales_reassign($1, crm.gateway_text($2, 'to', true), "
		"crm.gateway_text($2, 'reason', true))::text AS body",
		.params = {{"staff", CRM_IN_PATH, CRM_TEXT, true, NULL, "code of who leaves"}, BODY},
		.timeout_ms = WORK_MS, .summary = "Give all open tasks and persons of a staff member to another",
		.request_schema = "Reassign", .response_schema = "Object", .success = 200,
		.example = "{\"to\":\"H-clerk\",\"reason\":\"left\"}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/task-staff", .operation = "task_staff", .tag = "Tasks",
		.access = CRM_ACCESS_CALLER, .roles = "store manager, manager, headquarters",
		.sql = "SELECT j::text FROM crm.sales_staff() j",
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Who works in one's stores, and what is open with them", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/colleagues", .operation = "colleagues", .tag = "Tasks",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT j::text FROM crm.sales_colleagues($1) j", .params = {PERSON_ID},
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Who else sees a person and can be named in a note", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_GET, .path = "/api/v1/persons/{person_id}/owner", .operation = "owner", .tag = "Tasks",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT 200 AS status, crm.sales_owner($1)::text AS body",
		.params = {PERSON_ID}, .read_only = true, .timeout_ms = FAST_MS,
		.summary = "Who looks after a person", .response_schema = "Object", .success = 200,
	},
	{
		.method = CRM_PUT, .path = "/api/v1/persons/{person_id}/owner", .operation = "owner_set", .tag = "Tasks",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT 200 AS status, crm.sales_set_owner($1, crm.gateway_text($2, 'staff'), crm.gateway_text($2, 'reason'), $3)::text AS body",
		.params = {PERSON_ID, BODY, KEY}, .timeout_ms = FAST_MS, .summary = "Give a person to a staff member, or to nobody",
		.text = "Clerks and service take whom nobody looks after and give up their own; managers give anybody of their scope.",
		.request_schema = "Owner", .response_schema = "Object", .success = 200, .example = "{\"staff\":\"H-clerk\"}",
	},
	{
		.method = CRM_GET, .path = "/api/v1/owned", .operation = "owned", .tag = "Tasks",
		.access = CRM_ACCESS_CALLER, .roles = WORKERS,
		.sql = "SELECT j::text, j->>'cursor' FROM crm.sales_owned(coalesce($1, 'all'), $2, $3::jsonb, $4) j",
		.params = {
			{"list", CRM_IN_QUERY, CRM_TEXT, false, NULL, "all, due or quiet; default all"},
			{"staff", CRM_IN_QUERY, CRM_TEXT, false, NULL, "whose; default one's own"},
			{"cursor", CRM_IN_CURSOR, CRM_TEXT, false, NULL, "of the page before"},
			LIMIT,
		},
		.read_only = true, .timeout_ms = FAST_MS, .answer = CRM_ANSWER_ROWS,
		.summary = "Whom a staff member looks after, the next task first", .response_schema = "Object", .success = 200,
	},
