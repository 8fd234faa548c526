<?php
// What a user would write instead of the gateway: the same authentication, role switch, row
// security and statement, one transaction, over a persistent connection.
$link = pg_pconnect(getenv('CRM_CONNINFO'));
$key = substr($_SERVER['HTTP_AUTHORIZATION'] ?? '', 7);
$credential = json_encode(['kind' => 'key', 'value' => $key]);
pg_query($link, 'BEGIN READ ONLY');
pg_query_params($link, "SELECT set_config('crm.access_claims', a.claims, true), set_config('role', a.role, true)
	FROM crm.access_authenticate($1) a", [$credential]);
$result = pg_query_params($link, getenv('CRM_STATEMENT'), [$_GET['id']]);
$body = pg_num_rows($result) ? pg_fetch_result($result, 0, 'body') : null;
pg_query($link, 'COMMIT');
if ($body === null) { http_response_code(404); }
if ($body !== null) { header('ETag: "' . pg_fetch_result($result, 0, 'etag') . '"'); }
header('Content-Type: application/json');
echo $body;
