/*
 * credential.c
 *		Collects the caller's credential and writes it as the JSON text that
 *		crm.access_authenticate takes.
 *
 * A bearer token (JWT) is verified here, because the keys are the gateway's; API
 * keys and session cookies are opaque and judged by the database, where they lie
 * hashed.  A credential is never read from the URL.
 *
 * A cookie goes along by itself, so a changing request that rests on one must
 * come from our own pages: Sec-Fetch-Site (which a page cannot forge) or Origin
 * says so.  A client that sends neither is no browser.
 *
 * The key set is replaced as a whole under a lock (SIGHUP); a file that does not
 * hold leaves the former keys in force.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base64url.h"
#include "credential.h"
#include "jwt.h"

#define OPAQUE_MAX	512			/* characters of a key or a session */

static struct
{
	pthread_rwlock_t lock;
	CrmJwks    *jwks;
	const char *issuer;
	const char *audience;
}			keyring = {.lock = PTHREAD_RWLOCK_INITIALIZER};

/* path "" turns bearer tokens off. */
bool
crm_credential_load_keys(const char *path, const char *issuer, const char *audience,
						 char *error, size_t error_size)
{
	CrmJwks    *fresh = NULL;
	CrmJwks    *former;

	if (path[0] != '\0')
	{
		fresh = crm_jwks_load(path, error, error_size);
		if (fresh == NULL)
			return false;
	}
	pthread_rwlock_wrlock(&keyring.lock);
	former = keyring.jwks;
	keyring.jwks = fresh;
	keyring.issuer = issuer;
	keyring.audience = audience;
	pthread_rwlock_unlock(&keyring.lock);
	crm_jwks_free(former);
	return true;
}

static void
refuse(CrmProblem *problem, int status, const char *code, const char *detail, const char *hint)
{
	memset(problem, 0, sizeof(*problem));
	problem->status = status;
	problem->code = code;
	problem->detail = detail;
	problem->hint = hint;
}

static bool
collect_opaque(CrmRequest *request, const char *kind, const char *secret,
			   CrmCredential *credential, CrmProblem *problem)
{
	CrmBuffer	json;

	if (strlen(secret) > OPAQUE_MAX)
	{
		refuse(problem, 401, "credential_too_long", "The credential is too long.", NULL);
		return false;
	}
	crm_buffer_init(&json, request->arena, 256);
	crm_buffer_printf(&json, "{\"kind\":\"%s\",\"request_id\":\"%s\"", kind, request->request_id);
	if (secret[0] != '\0')
	{
		crm_buffer_put(&json, ",\"value\":");
		crm_buffer_json(&json, secret);
	}
	crm_buffer_put(&json, "}");
	credential->json = json.text;
	credential->secret = secret;
	return true;
}

static CrmJwtResult
verify_token(const char *token, char *claims, size_t *claims_length)
{
	CrmJwtRules rules = {.now = time(NULL)};
	CrmJwtResult result = CRM_JWT_UNKNOWN_KEY;

	pthread_rwlock_rdlock(&keyring.lock);
	if (keyring.jwks != NULL)
	{
		rules.issuer = keyring.issuer;
		rules.audience = keyring.audience;
		result = crm_jwt_verify(keyring.jwks, &rules, token, strlen(token),
								claims, claims_length);
	}
	pthread_rwlock_unlock(&keyring.lock);
	return result;
}

static bool
collect_token(CrmRequest *request, const char *token, CrmCredential *credential,
			  CrmProblem *problem)
{
	char		claims[CRM_BASE64URL_DECODED_MAX(CRM_JWT_MAX)];
	size_t		claims_length = 0;
	CrmJwtResult result = verify_token(token, claims, &claims_length);
	CrmBuffer	json;

	if (result != CRM_JWT_OK)
	{
		refuse(problem, 401, "token_refused", crm_jwt_result_text(result),
			   "Get a new token from the issuer.");
		return false;
	}
	crm_buffer_init(&json, request->arena, claims_length + 128);
	crm_buffer_printf(&json, "{\"kind\":\"jwt\",\"request_id\":\"%s\",\"claims\":",
					  request->request_id);
	crm_buffer_add(&json, claims, claims_length);
	crm_buffer_put(&json, "}");
	credential->kind = CRM_CREDENTIAL_JWT;
	credential->json = json.text;
	credential->secret = token;
	return true;
}

static bool
is_api_key(const char *text)
{
	return strncmp(text, "crm_live_", 9) == 0 || strncmp(text, "crm_test_", 9) == 0;
}

static bool
collect_authorization(CrmRequest *request, CrmCredential *credential, CrmProblem *problem)
{
	const char *token = request->authorization;

	if (strncasecmp(token, "Bearer ", 7) != 0)
	{
		refuse(problem, 401, "scheme_unknown", "The Authorization header is not a bearer token.",
			   "Send Authorization: Bearer with a token or an API key.");
		return false;
	}
	token += 7 + strspn(token + 7, " ");
	if (!is_api_key(token))
		return collect_token(request, token, credential, problem);
	credential->kind = CRM_CREDENTIAL_KEY;
	return collect_opaque(request, "key", token, credential, problem);
}

/* "https://host" names our own host when what follows the scheme is Host. */
static bool
is_own_origin(const CrmRequest *request)
{
	const char *host = strstr(request->origin, "://");

	return host != NULL && request->host[0] != '\0' && strcasecmp(host + 3, request->host) == 0;
}

static bool
may_come_with_cookie(const CrmRequest *request)
{
	if (request->method == CRM_GET || request->method == CRM_HEAD)
		return true;
	if (request->fetch_site[0] != '\0')
		return strcmp(request->fetch_site, "same-origin") == 0;
	return request->origin[0] == '\0' || is_own_origin(request);
}

/*
 * Fills `credential`, or `problem` and returns false.  A named credential wins
 * over the cookie; on a public route none is looked at.
 */
bool
crm_credential_collect(CrmRequest *request, bool is_public, CrmCredential *credential,
					   CrmProblem *problem)
{
	const char *session;

	memset(credential, 0, sizeof(*credential));
	if (is_public)
		return collect_opaque(request, "none", "", credential, problem);
	if (request->authorization[0] != '\0')
		return collect_authorization(request, credential, problem);
	if (request->api_key[0] != '\0')
	{
		credential->kind = CRM_CREDENTIAL_KEY;
		return collect_opaque(request, "key", request->api_key, credential, problem);
	}
	session = crm_request_cookie(request, CRM_SESSION_COOKIE);
	if (session == NULL || session[0] == '\0')
	{
		refuse(problem, 401, "credential_missing", "This needs a credential.",
			   "Sign in, or send an API key in X-Api-Key or a token in Authorization: Bearer.");
		return false;
	}
	if (!may_come_with_cookie(request))
	{
		refuse(problem, 403, "cross_site", "The request comes from another site.", NULL);
		return false;
	}
	credential->kind = CRM_CREDENTIAL_SESSION;
	return collect_opaque(request, "session", session, credential, problem);
}
